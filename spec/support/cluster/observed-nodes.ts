/** What the processes of an endpoint have reported to their spec, however they were started. */
import assert from 'node:assert/strict';
import { Changes } from '../changes.ts';
import type { Measure, NodeCommand, NodeReport } from './node-reports.ts';

/** How a session has ended at its owner. */
export interface SessionEnd {
  readonly code: number;
  readonly reason: string;
}

type ReportOf<Type extends NodeReport['type']> = Extract<NodeReport, { type: Type }>;

/** One process. */
export abstract class ObservedNode {
  /** By the id of the session. */
  readonly #messages = new Map<string, string[]>();
  #listening: ReportOf<'listening'> | undefined;
  #status: ReportOf<'status'> | undefined;
  #onMeasured: (measure: Measure) => void = () => {};
  #onElapsed = () => {};
  /** The sessions that it has opened, by the ids of their URLs, and their ends. */
  readonly sessions = new Map<string, { end: SessionEnd | undefined }>();

  abstract tell(command: NodeCommand): void;

  /** Where it takes requests. */
  get port(): number {
    return (this.#listening ?? assert.fail('the process does not listen yet')).port;
  }

  /** Where it takes requests together with others. */
  get sharedPort(): number {
    return this.#listening?.sharedPort ?? assert.fail('there is no such port');
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
  isUpWith(others: readonly ObservedNode[]): boolean {
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

  /** Settles once so many ms have passed at this process. One call at a time. */
  elapse(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#onElapsed = resolve;
      this.tell({ type: 'elapse', ms });
    });
  }

  /** Takes what it has reported. */
  onReport(report: NodeReport): void {
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
      case 'measured':
        this.#onMeasured(report);
        break;
      case 'elapsed':
        this.#onElapsed();
        break;
      case 'record':
      case 'dialled':
        break;
    }
  }

  #take({ id, text }: ReportOf<'message'>): void {
    const messages = this.#messages.get(id) ?? [];
    this.#messages.set(id, messages);
    messages.push(text);
  }
}

/** One process that a spec can fault. */
export abstract class FaultyNode extends ObservedNode {
  /** Has it do nothing until `resume()`. Its connections stay. */
  abstract stall(): void;
  abstract resume(): void;
  /** Ends it as a crash does. */
  abstract kill(): Promise<void>;
  /** Has it shut down. Settles when it has ended, which it must do by itself. No request may be on its way to it. */
  abstract leave(): Promise<void>;
}

/** The processes of one endpoint. */
export abstract class ObservedNodes<Node extends ObservedNode> {
  /** Those that were started, in that order. */
  readonly all: Node[] = [];
  readonly #changes = new Changes();

  /** Starts so many processes. Settles when all, and those of `others`, are linked with each other. */
  abstract start(count: number, others?: readonly Node[]): Promise<Node[]>;

  /** Called after each report. */
  protected changed(): void {
    this.#changes.notify();
  }

  /** Settles once the condition holds, over what the processes have reported. */
  until(holds: () => boolean, what: string | (() => string)): Promise<void> {
    return this.#changes.until(holds, what);
  }

  /** Settles once these processes listen, and are linked with each other. */
  protected async untilLinked(nodes: readonly Node[]): Promise<void> {
    await this.until(() => nodes.every(({ isListening }) => isListening), 'processes that listen');
    await this.until(() => nodes.every((node) => node.isUpWith(nodes)), 'links between all processes');
  }

  /** Settles with how a session has ended at its owner. */
  async endOf(id: string): Promise<SessionEnd> {
    const find = () => this.all.find(({ sessions }) => sessions.get(id)?.end)?.sessions.get(id)?.end;
    await this.until(() => find() !== undefined, `the end of session ${id}`);
    return find() ?? assert.fail();
  }

  /** The processes that have opened a session of this id. */
  ownersOf(id: string): Node[] {
    return this.all.filter(({ sessions }) => sessions.has(id));
  }

  ownerOf(id: string): Node {
    const [owner, ...more] = this.ownersOf(id);
    assert.deepEqual(more, [], `several processes have opened ${id}`);
    return owner ?? assert.fail(`no process has opened ${id}`);
  }

  /**
   * Settles with the messages of a session, once its owner has told of so many: what it tells comes by another way than
   * the messages that it sends back, which may come first.
   */
  async messagesOf(id: string, atLeast: number): Promise<readonly string[]> {
    const find = () => this.ownersOf(id)[0]?.messagesOf(id) ?? [];
    await this.until(
      () => find().length >= atLeast,
      () => `${atLeast} messages of ${id}; there are ${find().length}`,
    );
    return find();
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
