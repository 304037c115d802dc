/** The registry in Redis, by a client of the application. */
import { randomUUID } from 'node:crypto';
import { describe, milliseconds } from '../../options/checks.ts';
import type {
  ClusterRegistry,
  Entry,
  NodeRecord,
  OwnerMark,
  Renewal,
  Tombstone,
} from '../../options/cluster-adapter.ts';
import { assertName } from '../../options/cluster-settings.ts';
import { type RedisClient, sendBy } from './client.ts';
import { Commands } from './commands.ts';
import { decodeEntry, decodeNode, encodeMark, encodeNode, encodeTombstone, Keys } from './encoding.ts';
import * as scripts from './scripts.ts';
import { assertServer, epochOf, parseInfo, type ServerInfo } from './server-info.ts';

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

/** Sessions that one script asserts again: 20 KiB, which Redis runs in less than a ms. */
const BATCH = 200;

/** Batches at a time, which leaves room for claims. */
const BATCHES_AT_ONCE = 4;

/** Where Redis does not say whether it is still the same, every fourth renewal counts as the first after a restart. */
const RENEWALS_OF_UNKNOWN_EPOCH = 4;

/** A session of a node: its id and its mark. */
type Session = readonly [id: string, owner: OwnerMark];

/** A registry in Redis 7 or newer, or in Valkey. One for each node. */
export class RedisRegistry implements ClusterRegistry {
  readonly #commands: Commands;
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
    return this.#entry(scripts.CLAIM, [this.#keys.session(sessionId)], [encodeMark(owner), wholeMs(life)]);
  }

  async find(sessionId: string): Promise<Entry | undefined> {
    return this.#entry(scripts.FIND, [this.#keys.session(sessionId)], []);
  }

  async release(sessionId: string, owner: OwnerMark): Promise<void> {
    await this.#commands.run(scripts.RELEASE, [this.#keys.session(sessionId)], [encodeMark(owner)]);
  }

  async end(
    sessionId: string,
    owner: OwnerMark,
    tombstone: Tombstone,
    life: number,
    deadNode = '',
  ): Promise<Entry | undefined> {
    const keys = [this.#keys.session(sessionId), this.#keys.nodes];
    return this.#entry(scripts.END, keys, [encodeMark(owner), encodeTombstone(tombstone), wholeMs(life), deadNode]);
  }

  async reassert(sessions: ReadonlyMap<string, OwnerMark>, life: number): Promise<readonly string[]> {
    const taken: string[] = [];
    const batches = batchesOf(sessions);
    // The first failure ends the loops of all, since leaving a loop ends the generator that they share.
    const work = async () => {
      for (const batch of batches) {
        taken.push(...(await this.#reassertBatch(batch, life)));
      }
    };
    await Promise.all(Array.from({ length: BATCHES_AT_ONCE }, work));
    return taken;
  }

  async #reassertBatch(sessions: readonly Session[], life: number): Promise<readonly string[]> {
    const keys = sessions.map(([id]) => this.#keys.session(id));
    const marks = sessions.map(([, owner]) => encodeMark(owner));
    const taken = listOf(await this.#commands.run(scripts.REASSERT, keys, [wholeMs(life), ...marks]));
    return taken.flatMap((number) => sessions[Number(number) - 1]?.[0] ?? []);
  }

  async #entry(
    script: scripts.Script,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<Entry | undefined> {
    const entry = await this.#commands.run(script, keys, args);
    return entry === null ? undefined : decodeEntry(textOf(entry));
  }

  #epoch(info: ServerInfo): string {
    const number = Math.floor(this.#renewals / RENEWALS_OF_UNKNOWN_EPOCH);
    this.#renewals += 1;
    return epochOf(info) ?? `unknown ${number}`;
  }
}

/** Reads each batch when it is asked for. So sessions that have left the map by then are not in it. */
function* batchesOf(sessions: Iterable<Session>): Generator<readonly Session[]> {
  let batch: Session[] = [];
  for (const session of sessions) {
    batch.push(session);
    if (batch.length === BATCH) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) {
    yield batch;
  }
}

/** Redis takes whole ms from 1. */
function wholeMs(ms: number): number {
  return Math.max(1, Math.ceil(ms));
}

function listOf(answer: unknown): readonly unknown[] {
  if (!Array.isArray(answer)) {
    throw unexpected(answer);
  }
  return answer;
}

/** Clients answer texts or, where the application has asked for that, bytes. */
function textOf(answer: unknown): string {
  if (typeof answer !== 'string' && !Buffer.isBuffer(answer)) {
    throw unexpected(answer);
  }
  return answer.toString();
}

function unexpected(answer: unknown): Error {
  return new Error(
    `sockjs: the client of redisCluster() answered ${describe(answer)}; give it one without type mappings`,
  );
}
