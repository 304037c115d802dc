/** The registry in Redis, by a client of the application. */
import { randomUUID } from 'node:crypto';
import { milliseconds } from '../../options/checks.ts';
import type {
  ClusterRegistry,
  Entry,
  NodeRecord,
  OwnerMark,
  Renewal,
  Tombstone,
} from '../../options/cluster-adapter.ts';
import { assertName } from '../../options/cluster-settings.ts';
import { type OwnedSession, runInBatches } from '../batches.ts';
import { listOf, textOf } from './answers.ts';
import { type RedisClient, sendBy } from './client.ts';
import { Commands } from './commands.ts';
import { decodeEntry, decodeNode, encodeMark, encodeNode, encodeTombstone, Keys } from './encoding.ts';
import * as scripts from './scripts.ts';
import { assertServer, epochOf, parseInfo, type ServerInfo } from './server-info.ts';
import { isSplit, SessionSteps } from './session-steps.ts';

/** Where a registry keeps its keys, and how long it waits. */
export interface RedisRegistryOptions {
  /** The name of the endpoint, part of every key: letters, digits, `_`, `.` and `-`. */
  readonly name: string;
  /**
   * The first part of every key, of the same characters.
   * @default 'sockjs'
   */
  readonly prefix?: string;
  /**
   * ms in which Redis must answer.
   * @default 5000
   */
  readonly timeout?: number;
}

/** Where Redis does not say whether it is still the same, every fourth renewal counts as the first after a restart. */
const RENEWALS_OF_UNKNOWN_EPOCH = 4;

/** A registry in Redis 7 or newer, or in Valkey. One for each node. */
export class RedisRegistry implements ClusterRegistry {
  readonly #commands: Commands;
  readonly #steps: SessionSteps;
  readonly #keys: Keys;
  /** By node id, the name of the call that began the lease, as the last answer told it. */
  readonly #begun = new Map<string, string>();
  #renewals = 0;

  /**
   * Makes a registry. Sends nothing yet: the first `renew()` rejects where this Redis may not hold a cluster.
   *
   * @throws TypeError or RangeError for an option that is missing or makes no sense
   * @throws Error for a client that is not connected
   */
  constructor(client: RedisClient, { name, prefix = 'sockjs', timeout = 5000 }: RedisRegistryOptions) {
    assertName('name', name);
    assertName('prefix', prefix);
    milliseconds('timeout', timeout);
    this.#keys = new Keys(prefix, name);
    this.#commands = new Commands(sendBy(client), timeout);
    this.#steps = new SessionSteps(this.#commands);
  }

  async renew(node: NodeRecord, lease: number): Promise<Renewal> {
    const args = [node.id, encodeNode(node), wholeMs(lease), randomUUID()];
    const answer = listOf(await this.#commands.run(scripts.RENEW, [this.#keys.nodes], args));
    const info = parseInfo(textOf(answer[1]));
    if (this.#renewals === 0) {
      assertServer(info);
    }
    const began = textOf(answer[0]);
    // Redis is not asked whether there was a lease: the answer to the call that began a new one may have been lost.
    const hadLease = this.#begun.get(node.id) === began;
    this.#begun.set(node.id, began);
    const others = listOf(answer[2]).flatMap((record) => decodeNode(textOf(record)) ?? []);
    return { hadLease, epoch: this.#epoch(info), nodes: [node, ...others] };
  }

  async remove(nodeId: string): Promise<void> {
    await this.#commands.run(scripts.REMOVE, [this.#keys.nodes], [nodeId]);
  }

  async node(nodeId: string): Promise<NodeRecord | undefined> {
    const record = await this.#commands.run(scripts.NODE, [this.#keys.nodes], [nodeId]);
    return record === null ? undefined : decodeNode(textOf(record));
  }

  async claim(sessionId: string, owner: OwnerMark, life: number): Promise<Entry | undefined> {
    return entryOf(
      await this.#steps.run(this.#keys.session(sessionId), ['claim', encodeMark(owner), '', wholeMs(life)]),
    );
  }

  async find(sessionId: string): Promise<Entry | undefined> {
    return entryOf(await this.#steps.run(this.#keys.session(sessionId), ['find', '', '', '']));
  }

  async release(sessionId: string, owner: OwnerMark): Promise<void> {
    await this.#steps.run(this.#keys.session(sessionId), ['release', encodeMark(owner), '', '']);
  }

  async end(
    sessionId: string,
    owner: OwnerMark,
    tombstone: Tombstone,
    life: number,
    deadNode?: string,
  ): Promise<Entry | undefined> {
    const key = this.#keys.session(sessionId);
    const [mark, text, ms] = [encodeMark(owner), encodeTombstone(tombstone), wholeMs(life)];
    return entryOf(
      await (deadNode === undefined
        ? this.#steps.run(key, ['end', mark, text, ms])
        : this.#commands.run(scripts.END_OF_DEAD, [key, this.#keys.nodes], [mark, text, ms, deadNode])),
    );
  }

  async reassert(sessions: ReadonlyMap<string, OwnerMark>, life: number): Promise<readonly string[]> {
    return runInBatches(sessions, (batch) => this.#reassertBatch(batch, life));
  }

  async #reassertBatch(sessions: readonly OwnedSession[], life: number): Promise<readonly string[]> {
    try {
      return await this.#reassertAtOnce(sessions, life);
    } catch (error) {
      if (sessions.length === 1 || !isSplit(error)) {
        throw error;
      }
    }
    const taken: string[] = [];
    for (const session of sessions) {
      taken.push(...(await this.#reassertAtOnce([session], life)));
    }
    return taken;
  }

  async #reassertAtOnce(sessions: readonly OwnedSession[], life: number): Promise<readonly string[]> {
    const keys = sessions.map(([id]) => this.#keys.session(id));
    const marks = sessions.map(([, owner]) => encodeMark(owner));
    const taken = listOf(await this.#commands.run(scripts.REASSERT, keys, [wholeMs(life), ...marks]));
    return taken.flatMap((number) => sessions[Number(number) - 1]?.[0] ?? []);
  }

  #epoch(info: ServerInfo): string {
    const number = Math.floor(this.#renewals / RENEWALS_OF_UNKNOWN_EPOCH);
    this.#renewals += 1;
    return epochOf(info) ?? `unknown ${number}`;
  }
}

/** Redis takes whole ms from 1. */
function wholeMs(ms: number): number {
  return Math.max(1, Math.ceil(ms));
}

function entryOf(answer: unknown): Entry | undefined {
  return answer === null ? undefined : decodeEntry(textOf(answer));
}
