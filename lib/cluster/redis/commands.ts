/** Runs scripts in Redis: with a deadline for each, a bound for all, and errors that name the remedy. */

import { withHelp } from '../../util/help.ts';
import { promiseWithResolvers } from '../../util/promises.ts';
import { startAnswerTimer } from '../answer-timer.ts';
import type { SendCommand } from './client.ts';
import { RENEW, RIGHTS, type Script } from './scripts.ts';

/**
 * Keys in scripts that the client has not settled: some 4 MiB. A client may queue commands for as long as Redis is away,
 * and a command whose deadline has passed stays in that queue. So it counts until the client settles it.
 */
export const MAX_KEYS_IN_FLIGHT = 4096;

/** What clients and Redis say about a wrong set-up or a state that lasts, and what to do about it. */
const REMEDIES: readonly (readonly [said: RegExp, remedy: string])[] = [
  [/^NOPERM|can't run this command|can't access/i, `give its user the rights ${RIGHTS} for the keys of the cluster`],
  [/^(READONLY|MASTERDOWN)/, 'connect the client to the primary; this is a replica'],
  [/^MOVED/, 'this is Redis Cluster: make the client by createCluster() of node-redis, or new Cluster() of ioredis'],
  [
    /unknown command/i,
    'this server runs no scripts; if it is a Sentinel, make the client by createSentinel() of node-redis, or ' +
      'new Redis({ sentinels, name }) of ioredis',
  ],
  [/^NOAUTH/, 'give the client the user name and the password'],
  [/^NOREPLICAS/, 'start the replicas that min-replicas-to-write asks for'],
  [/^OOM/, 'raise maxmemory, or give the cluster a Redis of its own'],
  [
    /subscriber mode|pubsub mode|only \(P\|S\)SUBSCRIBE/i,
    'give the cluster client.duplicate(), which subscribes to nothing',
  ],
  [/^CROSSSLOT/, 'leave braces out of the keyPrefix of the client'],
  [
    /(client|connection) is closed/i,
    'connect the client before the router, and close it after the router; leave failoverDetector of ioredis off',
  ],
];

/** Redis answers null for nothing, and so do clients. Undefined must not be taken for "no entry". */
const NO_ANSWER =
  'sockjs: the client of redisCluster() answers nothing; give it client.duplicate({ legacyMode: false }), connected';

/** A script that runs, or waits for that. */
interface Call {
  /** Whether its deadline has passed. */
  isLate: boolean;
}

/** Runs scripts by a client. */
export class Commands {
  readonly #send: SendCommand;
  readonly #timeout: number;
  #keysInFlight = 0;
  /** Whether Redis has not answered a script in time, and none since. */
  #isSilent = false;

  /** @param timeout ms in which Redis must answer */
  constructor(send: SendCommand, timeout: number) {
    this.#send = send;
    this.#timeout = timeout;
  }

  /** The keys of all scripts that the client has not settled. */
  get keysInFlight(): number {
    return this.#keysInFlight;
  }

  /**
   * Runs a script, and settles with its raw answer. Rejects where Redis refuses it, has not answered in time, or too much
   * waits for an answer. It may have run nevertheless, or may run later.
   */
  run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    if (this.#keysInFlight + keys.length > MAX_KEYS_IN_FLIGHT) {
      return Promise.reject(new Error('sockjs: too many commands wait for Redis; this one was not sent'));
    }
    const { promise, resolve, reject } = promiseWithResolvers<unknown>();
    const call: Call = { isLate: false };
    const stopTimer = startAnswerTimer(this.#timeout, () => {
      call.isLate = true;
      this.#isSilent = true;
      reject(new Error(`sockjs: Redis has not answered within ${this.#timeout} ms`));
    });
    this.#keysInFlight += keys.length;
    const settle = (settled: () => void) => {
      this.#keysInFlight -= keys.length;
      stopTimer();
      settled();
    };
    this.#execute(script, keys, args, call).then(
      (answer) => {
        this.#isSilent = false;
        settle(() =>
          answer === undefined
            ? reject(withHelp('the-client-answers-otherwise', new Error(NO_ANSWER)))
            : resolve(answer),
        );
      },
      (error: unknown) => settle(() => reject(explained(error))),
    );
    return promise;
  }

  async #execute(
    script: Script,
    keys: readonly string[],
    args: readonly (string | number)[],
    call: Call,
  ): Promise<unknown> {
    // Another server may have taken the place of one that hangs, and cluster clients of node-redis wait for that one. Without
    // a key they ask any server. That may be a replica, with old entries, which it tells to a script that only reads: so it is
    // the renewal that finds the next primary, since that always writes.
    const routing = this.#isSilent && script === RENEW ? undefined : keys[0];
    const rest = [String(keys.length), ...keys, ...args.map(String)];
    try {
      return await this.#send(routing, ['EVALSHA', script.sha, ...rest]);
    } catch (error) {
      // Redis forgets scripts when it starts anew. Nothing has run yet, so nothing needs to run after the deadline.
      if (call.isLate || !/^NOSCRIPT/.test(messageOf(error))) {
        throw error;
      }
      return this.#send(routing, ['EVAL', script.source, ...rest]);
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function explained(error: unknown): Error {
  const message = messageOf(error);
  const [, remedy] = REMEDIES.find(([said]) => said.test(message)) ?? [];
  return new Error(`sockjs: the cluster's Redis: ${message}${remedy === undefined ? '' : `; ${remedy}`}`, {
    cause: error,
  });
}
