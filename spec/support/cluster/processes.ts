/** Several processes of one endpoint, which a spec starts, faults and observes. Each test has processes of its own. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Child } from '../child-process.ts';
import { afterTest } from '../cleanup.ts';
import { fetchText } from '../http.ts';
import type { Network, Wires } from './network.ts';
import type { NodeCommand, NodeReport, NodeSettings } from './node-reports.ts';
import { FaultyNode, ObservedNodes } from './observed-nodes.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const PROGRAM = fileURLToPath(new URL('./node-program.ts', import.meta.url));

/** One process of the endpoint. */
export class NodeProcess extends FaultyNode {
  readonly #process: ChildProcess;
  readonly #child: Child;

  /** @param onReport called after each report */
  constructor(name: string, settings: NodeSettings, onReport: (report: NodeReport) => void) {
    super();
    const args = ['--import', 'tsx/esm', '--throw-deprecation', PROGRAM, JSON.stringify(settings)];
    this.#process = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    this.#child = new Child(name, this.#process);
    afterTest(() => this.#child.kill());
    this.#process.on('message', (report: NodeReport) => {
      this.onReport(report);
      onReport(report);
    });
  }

  override tell(command: NodeCommand): void {
    this.#process.send(command);
  }

  override stall(): void {
    this.#process.kill('SIGSTOP');
  }

  override resume(): void {
    this.#process.kill('SIGCONT');
  }

  override async kill(): Promise<void> {
    await this.#child.kill();
  }

  override async leave(): Promise<void> {
    // Connections are accepted in order: those made before are now its own.
    await fetchText(`http://127.0.0.1:${this.port}/echo`);
    this.#child.expectEnd();
    this.tell({ type: 'leave' });
    assert.deepEqual(await this.#child.ended, { code: 0, signal: null });
  }
}

/** The processes of one endpoint. */
export class ClusterProcesses extends ObservedNodes<NodeProcess> {
  readonly #settings: (index: number) => NodeSettings;
  readonly #network: Network | undefined;

  /**
   * @param settings of all processes, or of each by its index
   * @param network what connects the processes, where a test faults it
   */
  constructor(settings: NodeSettings | ((index: number) => NodeSettings), network?: Network) {
    super();
    this.#settings = typeof settings === 'function' ? settings : () => settings;
    this.#network = network;
  }

  override async start(count: number, others: readonly NodeProcess[] = []): Promise<NodeProcess[]> {
    const wires = await Promise.all(Array.from({ length: count }, () => this.#network?.connect()));
    const started = wires.map((wired) => this.#startOne(wired));
    await this.untilLinked([...others, ...started]);
    return started;
  }

  #startOne(wired: Wires | undefined): NodeProcess {
    const index = this.all.length;
    const node = new NodeProcess(`process ${index}`, { ...this.#settings(index), ...wired }, (report) => {
      if (report.type === 'dialled') {
        this.#network?.hasDialled(index, report.port);
      }
      this.changed();
    });
    this.all.push(node);
    return node;
  }
}
