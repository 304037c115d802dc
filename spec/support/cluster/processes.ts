/** Several processes of one endpoint, which a spec starts, faults and observes. Each test has processes of its own. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Changes } from '../changes.ts';
import { Child } from '../child-process.ts';
import { afterTest } from '../cleanup.ts';
import { fetchText } from '../http.ts';
import type { Network, Wires } from './network.ts';
import type { Measure, NodeCommand, NodeReport, NodeSettings } from './node-reports.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const PROGRAM = fileURLToPath(new URL('./node-program.ts', import.meta.url));

/** How a session has ended at its owner. */
export interface SessionEnd {
  readonly code: number;
  readonly reason: string;
}

type ReportOf<Type extends NodeReport['type']> = Extract<NodeReport, { type: Type }>;

/** One process of the endpoint. */
export class NodeProcess {
  readonly #process: ChildProcess;
  readonly #child: Child;
  /** By the id of the session. */
  readonly #messages = new Map<string, string[]>();
  #listening: ReportOf<'listening'> | undefined;
  #status: ReportOf<'status'> | undefined;
  #onMeasured: (measure: Measure) => void = () => {};
  /** The sessions that it has opened, by the ids of their URLs, and their ends. */
  readonly sessions = new Map<string, { end: SessionEnd | undefined }>();

  /** @param onReport called after each report */
  constructor(name: string, settings: NodeSettings, onReport: (report: NodeReport) => void) {
    const args = ['--import', 'tsx/esm', '--throw-deprecation', PROGRAM, JSON.stringify(settings)];
    this.#process = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    this.#child = new Child(name, this.#process);
    afterTest(() => this.#child.kill());
    this.#process.on('message', (report: NodeReport) => {
      this.#onReport(report);
      onReport(report);
    });
  }

  /** Where it takes requests. */
  get port(): number {
    return (this.#listening ?? assert.fail('the process does not listen yet')).port;
  }

  get nodeId(): string {
    return this.#listening?.nodeId ?? '';
  }

  get isListening(): boolean {
    return this.#listening !== undefined;
  }

  get status(): ReportOf<'status'>['status'] {
    return this.#status?.status ?? 'down';
  }

  /** Whether it is linked with all these. */
  isUpWith(others: readonly NodeProcess[]): boolean {
    const { status, peers = [] } = this.#status ?? {};
    return status === 'up' && others.every(({ nodeId }) => nodeId === this.nodeId || peers.includes(nodeId));
  }

  /** The messages that one of its sessions has got. */
  messagesOf(id: string): readonly string[] {
    return this.#messages.get(id) ?? [];
  }

  /** What it holds after a collection of garbage. One call at a time. */
  measure(): Promise<Measure> {
    return new Promise((resolve) => {
      this.#onMeasured = resolve;
      this.tell({ type: 'measure' });
    });
  }

  tell(command: NodeCommand): void {
    this.#process.send(command);
  }

  /** Has it do nothing until `resume()`. Its connections stay. */
  stall(): void {
    this.#process.kill('SIGSTOP');
  }

  resume(): void {
    this.#process.kill('SIGCONT');
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    await this.#child.kill();
  }

  /** Has it shut down. Settles when it has ended, which it must do by itself. No request may be on its way to it. */
  async leave(): Promise<void> {
    // Connections are accepted in order: those made before are now its own.
    await fetchText(`http://127.0.0.1:${this.port}/echo`);
    this.#child.expectEnd();
    this.tell({ type: 'leave' });
    assert.deepEqual(await this.#child.ended, { code: 0, signal: null });
  }

  #take({ id, text }: ReportOf<'message'>): void {
    const messages = this.#messages.get(id) ?? [];
    this.#messages.set(id, messages);
    messages.push(text);
  }

  #onReport(report: NodeReport): void {
    switch (report.type) {
      case 'listening':
        this.#listening = report;
        break;
      case 'status':
        this.#status = report;
        break;
      case 'open':
        assert.ok(!this.sessions.has(report.id), `a session of ${report.id} has been opened twice`);
        this.sessions.set(report.id, { end: undefined });
        break;
      case 'close':
        this.sessions.set(report.id, { end: { code: report.code, reason: report.reason } });
        break;
      case 'message':
        this.#take(report);
        break;
      case 'dialled':
        break;
      case 'measured':
        this.#onMeasured(report);
        break;
    }
  }
}

/** The processes of one endpoint. */
export class ClusterProcesses {
  /** Those that were started, in that order. */
  readonly all: NodeProcess[] = [];
  readonly #changes = new Changes();
  readonly #settings: NodeSettings;
  readonly #network: Network | undefined;

  /** @param network what connects the processes, where a test faults it */
  constructor(settings: NodeSettings, network?: Network) {
    this.#settings = settings;
    this.#network = network;
  }

  /** Starts so many processes. Settles when all, and those of `others`, are linked with each other. */
  async start(count: number, others: readonly NodeProcess[] = []): Promise<NodeProcess[]> {
    const wires = await Promise.all(Array.from({ length: count }, () => this.#network?.connect()));
    const started = wires.map((wired) => this.#startOne(wired));
    const linked = [...others, ...started];
    await this.until(() => linked.every(({ isListening }) => isListening), 'processes that listen');
    await this.until(() => linked.every((node) => node.isUpWith(linked)), 'links between all processes');
    return started;
  }

  #startOne(wired: Wires | undefined): NodeProcess {
    const index = this.all.length;
    const node = new NodeProcess(`process ${index}`, { ...this.#settings, ...wired }, (report) => {
      if (report.type === 'dialled') {
        this.#network?.hasDialled(index, report.port);
      }
      this.#changes.notify();
    });
    this.all.push(node);
    return node;
  }

  /** Settles once the condition holds, over what the processes have reported. */
  until(holds: () => boolean, what: string | (() => string)): Promise<void> {
    return this.#changes.until(holds, what);
  }

  /** Settles with how a session has ended at its owner. */
  async endOf(id: string): Promise<SessionEnd> {
    const find = () => this.all.find(({ sessions }) => sessions.get(id)?.end)?.sessions.get(id)?.end;
    await this.until(() => find() !== undefined, `the end of session ${id}`);
    return find() ?? assert.fail();
  }

  /** The processes that have opened a session of this id. */
  ownersOf(id: string): NodeProcess[] {
    return this.all.filter(({ sessions }) => sessions.has(id));
  }

  ownerOf(id: string): NodeProcess {
    const [owner, ...more] = this.ownersOf(id);
    assert.deepEqual(more, [], `several processes have opened ${id}`);
    return owner ?? assert.fail(`no process has opened ${id}`);
  }

  /** The ids that have been opened at several processes. */
  get doubles(): string[] {
    const ids = this.all.flatMap(({ sessions }) => [...sessions.keys()]);
    return ids.filter((id, i) => ids.indexOf(id) !== i);
  }

  /** The ids of all sessions that have ended at their owners, and how. */
  get ends(): Map<string, SessionEnd> {
    const ends = new Map<string, SessionEnd>();
    for (const { sessions } of this.all) {
      for (const [id, { end }] of sessions) {
        if (end !== undefined) {
          ends.set(id, end);
        }
      }
    }
    return ends;
  }
}
