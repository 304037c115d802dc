/** A primary and its workers, which a spec starts, faults and observes. Each test has processes of its own. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { NodeRecord } from '../../../../lib/options/cluster-adapter.ts';
import { Child } from '../../child-process.ts';
import { afterTest } from '../../cleanup.ts';
import { fetchText } from '../../http.ts';
import { RESPONSE_LIMIT } from '../exchanges.ts';
import type { EndpointSettings, NodeCommand, NodeReport } from '../node-reports.ts';
import { FaultyNode, ObservedNodes } from '../observed-nodes.ts';
import { NODE_TIMEOUT } from '../test-cluster.ts';
import type { PrimaryCommand, PrimaryReport } from './worker-reports.ts';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
const PROGRAM = fileURLToPath(new URL('./worker-program.ts', import.meta.url));

/** How a worker has ended. */
interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
}

/** One worker. */
export class WorkerNode extends FaultyNode {
  readonly #workers: Workers;
  readonly #id: number;
  readonly #pid: number;
  ending: Ending | undefined;
  /** Whether its end is no failure. */
  mayEnd = false;
  #record: NodeRecord | undefined;

  constructor(workers: Workers, id: number, pid: number) {
    super();
    this.#workers = workers;
    this.#id = id;
    this.#pid = pid;
  }

  override tell(command: NodeCommand): void {
    this.#workers.command({ type: 'tell', worker: this.#id, command });
  }

  /** What the registry has of it, its token included. */
  get record(): NodeRecord {
    return this.#record ?? assert.fail('it has no lease yet');
  }

  override onReport(report: NodeReport): void {
    super.onReport(report);
    if (report.type === 'record') {
      this.#record = report.record;
    }
  }

  /** Its links with two others: those that it has dialled, and those that it has accepted. */
  get links(): readonly { cut(): void }[] {
    return [0, 1, 2, 3].map((index) => ({ cut: () => this.tell({ type: 'cut', index }) }));
  }

  override stall(): void {
    process.kill(this.#pid, 'SIGSTOP');
  }

  override resume(): void {
    process.kill(this.#pid, 'SIGCONT');
  }

  override async kill(): Promise<void> {
    this.mayEnd = true;
    process.kill(this.#pid, 'SIGKILL');
    await this.#hasEnded();
  }

  override async leave(): Promise<void> {
    // Connections are accepted in order: those made before are now its own.
    await fetchText(`http://127.0.0.1:${this.port}/echo`);
    this.mayEnd = true;
    this.tell({ type: 'leave' });
    assert.deepEqual(await this.#hasEnded(), { code: 0, signal: null });
  }

  /** Has the primary disconnect it. */
  disconnect(): void {
    this.mayEnd = true;
    this.#workers.command({ type: 'disconnect', worker: this.#id });
  }

  /** Settles when it has ended by itself. */
  async ended(): Promise<void> {
    assert.deepEqual(await this.#hasEnded(), { code: 0, signal: null });
  }

  /** Kills it at the end of a test, whether it has ended or not. */
  cleanUp(): void {
    if (this.ending === undefined) {
      try {
        process.kill(this.#pid, 'SIGKILL');
      } catch {
        // It has ended with its primary.
      }
    }
  }

  async #hasEnded(): Promise<Ending> {
    await this.#workers.until(() => this.ending !== undefined, 'the end of a worker');
    return this.ending ?? assert.fail();
  }
}

/** A primary and its workers. */
export class Workers extends ObservedNodes<WorkerNode> {
  readonly #process: ChildProcess;
  readonly #child: Child;
  readonly #byId = new Map<number, WorkerNode>();
  #onMeasured: (heap: number) => void = () => {};
  /** The codes with which workers have exited by themselves. */
  readonly exitCodes: number[] = [];
  /** The folder of the sockets. Empty until the primary is there. */
  folder = '';

  /** @param settings `closes` says whether a worker that is disconnected closes its router, and ends */
  constructor(settings: EndpointSettings & { readonly closes: boolean }) {
    super();
    const argument = JSON.stringify(settings);
    const args = ['--import', 'tsx/esm', '--throw-deprecation', PROGRAM, argument];
    this.#process = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    this.#child = new Child('the primary', this.#process);
    // A worker whose primary has gone can tell by its output alone.
    this.#process.stdout?.on('data', (text: Buffer) => {
      this.exitCodes.push(...Array.from(String(text).matchAll(/^Exits with (\d+)$/gm), ([, code]) => Number(code)));
    });
    this.#process.on('message', (report: PrimaryReport) => {
      this.#onReport(report);
      this.changed();
    });
    afterTest(async () => {
      const ended = this.all.filter(({ ending, mayEnd }) => ending !== undefined && !mayEnd);
      for (const worker of this.all) {
        worker.cleanUp();
      }
      await this.#child.kill();
      // One that is killed leaves it behind.
      rmSync(this.folder, { recursive: true, force: true });
      assert.deepEqual(
        ended.map(({ ending }) => ending),
        [],
        `workers that have ended: ${this.#child.stderr}`,
      );
      assert.deepEqual(this.doubles, [], 'ids with several sessions');
    });
  }

  command(command: PrimaryCommand): void {
    this.#process.send(command);
  }

  override async start(count: number, others: readonly WorkerNode[] = []): Promise<WorkerNode[]> {
    const before = this.all.length;
    await this.until(() => this.folder !== '', 'the primary');
    for (let i = 0; i < count; i += 1) {
      this.command({ type: 'fork' });
    }
    await this.until(() => this.all.length === before + count, 'workers');
    const started = this.all.slice(before);
    await this.untilLinked([...others, ...started]);
    return started;
  }

  /** Has the primary do nothing until `resume()`. */
  stall(): void {
    this.#process.kill('SIGSTOP');
  }

  resume(): void {
    this.#process.kill('SIGCONT');
  }

  /** Settles with the bytes of heap of the primary after a collection of garbage. One call at a time. */
  measurePrimary(): Promise<number> {
    return new Promise((resolve) => {
      this.#onMeasured = resolve;
      this.command({ type: 'measure' });
    });
  }

  /** Has the primary exit. Settles when it has ended, and all workers with it. */
  exit(): Promise<Ending> {
    this.#expectEnd();
    this.command({ type: 'exit' });
    return this.#child.ended;
  }

  /** Ends the primary as a crash does. Settles when it has ended; `ended` does once all workers have, too. */
  async kill(): Promise<void> {
    this.#expectEnd();
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exited;
  }

  /** Settles when the primary and all workers have ended. */
  get ended(): Promise<Ending> {
    return this.#child.ended;
  }

  /** What the primary and the workers have printed to stderr. */
  get stderr(): string {
    return this.#child.stderr;
  }

  /** The workers share the output of the primary, which ends with the last of them. */
  #expectEnd(): void {
    this.#child.expectEnd();
    for (const worker of this.all) {
      worker.mayEnd = true;
    }
  }

  #onReport(report: PrimaryReport): void {
    switch (report.type) {
      case 'ready':
        this.folder = report.folder;
        break;
      case 'measured':
        this.#onMeasured(report.heap);
        break;
      case 'forked': {
        const worker = new WorkerNode(this, report.worker, report.pid);
        this.#byId.set(report.worker, worker);
        this.all.push(worker);
        break;
      }
      case 'report':
        this.#byId.get(report.worker)?.onReport(report.report);
        break;
      case 'exited': {
        const worker = this.#byId.get(report.worker);
        if (worker !== undefined) {
          worker.ending = { code: report.code, signal: report.signal };
        }
        break;
      }
    }
  }
}

/**
 * Makes an endpoint of workers for a test, without workers yet.
 *
 * @param settings.disconnectDelay the option of that name; no session ends for want of a client while a machine is busy
 * @param settings.closes whether a worker that is disconnected closes its router, and ends
 */
export function makeWorkers({ disconnectDelay = 60_000, closes = true } = {}): Workers {
  return new Workers({
    name: 'echo',
    nodeTimeout: NODE_TIMEOUT,
    responseLimit: RESPONSE_LIMIT,
    disconnectDelay,
    closes,
  });
}
