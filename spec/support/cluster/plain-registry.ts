/** The registry of a cluster in memory, as small as can be. It can be away, and lose answers. */
import type {
  ClusterRegistry,
  Entry,
  NodeRecord,
  OwnerMark,
  Renewal,
  Tombstone,
} from '../../../lib/cluster/registry.ts';
import type { Post } from './memory-link.ts';

interface Stored {
  readonly entry: Entry;
  readonly until: number;
}

/** What becomes of a command: it is done and answered, only done, or neither. */
export type Fate = 'answered' | 'answer lost' | 'lost';

export class PlainRegistry implements ClusterRegistry {
  readonly #post: Post;
  readonly #entries = new Map<string, Stored>();
  readonly #nodes = new Map<string, NodeRecord>();
  /** How many commands there were. */
  commands = 0;
  /** What becomes of commands. Called with the name of each. */
  fate: (command: string) => Fate = () => 'answered';

  constructor(post: Post) {
    this.#post = post;
  }

  renew(node: NodeRecord): Promise<Renewal> {
    return this.#run('renew', () => {
      const hadLease = this.#nodes.has(node.id);
      this.#nodes.set(node.id, node);
      return { hadLease, epoch: '', nodes: [...this.#nodes.values()] };
    });
  }

  remove(nodeId: string): Promise<void> {
    return this.#run('remove', () => void this.#nodes.delete(nodeId));
  }

  node(nodeId: string): Promise<NodeRecord | undefined> {
    return this.#run('node', () => this.#nodes.get(nodeId));
  }

  claim(sessionId: string, owner: OwnerMark, life: number): Promise<Entry | undefined> {
    return this.#run('claim', () => {
      const entry = this.entryOf(sessionId);
      const isOwn = entry?.kind === 'owned' && entry.owner.nodeId === owner.nodeId;
      // A later claim of the same node is in the way: this one comes late.
      if (entry !== undefined && !(isOwn && entry.owner.reservation <= owner.reservation)) {
        return entry;
      }
      this.#set(sessionId, { kind: 'owned', owner }, life);
      return undefined;
    });
  }

  find(sessionId: string): Promise<Entry | undefined> {
    return this.#run('find', () => this.entryOf(sessionId));
  }

  release(sessionId: string, owner: OwnerMark): Promise<void> {
    return this.#run('release', () => {
      if (this.#has(sessionId, owner)) {
        this.#entries.delete(sessionId);
      }
    });
  }

  end(
    sessionId: string,
    owner: OwnerMark,
    tombstone: Tombstone,
    life: number,
    deadNode?: string,
  ): Promise<Entry | undefined> {
    return this.#run('end', () => {
      if (this.#has(sessionId, owner) && !(deadNode !== undefined && this.#nodes.has(deadNode))) {
        this.#set(sessionId, { kind: 'ended', tombstone }, life);
      }
      return this.entryOf(sessionId);
    });
  }

  reassert(sessions: ReadonlyMap<string, OwnerMark>, life: number): Promise<readonly string[]> {
    return this.#run('reassert', () =>
      [...sessions]
        .filter(([id, owner]) => {
          const isFree = this.entryOf(id) === undefined || this.#has(id, owner);
          if (isFree) {
            this.#set(id, { kind: 'owned', owner }, life);
          }
          return !isFree;
        })
        .map(([id]) => id),
    );
  }

  /** The entry of a session id, without a command. */
  entryOf(sessionId: string): Entry | undefined {
    const stored = this.#entries.get(sessionId);
    return stored !== undefined && stored.until > performance.now() ? stored.entry : undefined;
  }

  #set(sessionId: string, entry: Entry, life: number): void {
    this.#entries.set(sessionId, { entry, until: performance.now() + life });
  }

  #has(sessionId: string, owner: OwnerMark): boolean {
    const entry = this.entryOf(sessionId);
    return (
      entry?.kind === 'owned' && entry.owner.nodeId === owner.nodeId && entry.owner.reservation === owner.reservation
    );
  }

  #run<T>(command: string, act: () => T): Promise<T> {
    this.commands += 1;
    const fate = this.fate(command);
    return new Promise((resolve, reject) => {
      this.#post(() => {
        if (fate === 'lost') {
          reject(new Error('the registry is away'));
          return;
        }
        const answer = act();
        this.#post(() => (fate === 'answered' ? resolve(answer) : reject(new Error('the answer was lost'))));
      });
    });
  }
}
