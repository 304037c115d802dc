/** The registry in memory, whose commands and answers travel as messages do. It can be away, and lose answers. */
import type {
  ClusterRegistry,
  Entry,
  NodeRecord,
  OwnerMark,
  Renewal,
  Tombstone,
} from '../../../lib/options/cluster-adapter.ts';
import type { Post } from './memory-link.ts';
import { MemoryRegistry, memoryStore } from './memory-registry.ts';

/** What becomes of a command: it is done and answered, only done, done after its caller has given it up, or nothing. */
export type Fate = 'answered' | 'answer lost' | 'late' | 'lost';

export class PlainRegistry implements ClusterRegistry {
  readonly #post: Post;
  readonly #store = memoryStore();
  readonly #registry = new MemoryRegistry(this.#store);
  /** How many commands there were. */
  commands = 0;
  /** What becomes of commands. Called with the name of each. */
  fate: (command: string) => Fate = () => 'answered';

  constructor(post: Post) {
    this.#post = post;
  }

  renew(node: NodeRecord, lease: number): Promise<Renewal> {
    return this.#run('renew', () => this.#registry.renew(node, lease));
  }

  remove(nodeId: string): Promise<void> {
    return this.#run('remove', () => this.#registry.remove(nodeId));
  }

  node(nodeId: string): Promise<NodeRecord | undefined> {
    return this.#run('node', () => this.#registry.node(nodeId));
  }

  claim(sessionId: string, owner: OwnerMark, life: number): Promise<Entry | undefined> {
    return this.#run('claim', () => this.#registry.claim(sessionId, owner, life));
  }

  find(sessionId: string): Promise<Entry | undefined> {
    return this.#run('find', () => this.#registry.find(sessionId));
  }

  release(sessionId: string, owner: OwnerMark): Promise<void> {
    return this.#run('release', () => this.#registry.release(sessionId, owner));
  }

  end(
    sessionId: string,
    owner: OwnerMark,
    tombstone: Tombstone,
    life: number,
    deadNode?: string,
  ): Promise<Entry | undefined> {
    return this.#run('end', () => this.#registry.end(sessionId, owner, tombstone, life, deadNode));
  }

  reassert(sessions: ReadonlyMap<string, OwnerMark>, life: number): Promise<readonly string[]> {
    return this.#run('reassert', () => this.#registry.reassert(sessions, life));
  }

  /** The entry of a session id, without a command. */
  entryOf(sessionId: string): Entry | undefined {
    const held = this.#store.entries.get(sessionId);
    return held !== undefined && held.expires > performance.now() ? held.value : undefined;
  }

  #run<T>(command: string, act: () => Promise<T>): Promise<T> {
    this.commands += 1;
    const fate = this.fate(command);
    return new Promise((resolve, reject) => {
      this.#post(() => {
        if (fate === 'lost') {
          reject(new Error('the registry is away'));
          return;
        }
        if (fate === 'late') {
          reject(new Error('the registry did not answer in time'));
          this.#post(() => void act());
          return;
        }
        const answer = act();
        this.#post(() => (fate === 'answered' ? resolve(answer) : reject(new Error('the answer was lost'))));
      });
    });
  }
}
