/** What comes of a run with stalls, and how a failure is told. */
import { isWebSocket, type Role } from './stall-clients.ts';

/** The time limits that can end a client. */
export const LIMITS = [
  'disconnectDelay',
  'heartbeatDelay',
  'receiveTimeout',
  'upgradeTimeout',
  'websocketWriteTimeout',
  'receiveStallTimeout',
  'the timeout of router.close()',
  'the limit on slow readers',
  'no known limit',
] as const;

export type Limit = (typeof LIMITS)[number];

/** The end of a healthy client, or a message that it should not have got. */
export interface Failure {
  /** The role of the client, in words. */
  readonly role: string;
  readonly id: string;
  /** What the client saw. */
  readonly what: string;
  /** The limit that ended it, as far as client and server can tell. */
  readonly limit: Limit;
  /** How its session ended, as the server tells it. */
  readonly server: string;
  /** The last stall: its moment, and how long it was in multiples of the limit. */
  readonly stall: string;
  /** ms from the beginning of that stall to the death. */
  readonly at: number;
  /** Whether the clients' process could not run for so long that the client may have been late itself. */
  readonly isExcused: boolean;
}

/** What came of a run. */
export interface StallsResult {
  readonly seed: number;
  readonly stalls: number;
  /** Seconds that the server was blocked. */
  readonly stalled: number;
  readonly sessions: number;
  readonly rounds: number;
  readonly failures: readonly Failure[];
  /** How many clients were gone, and were ended as they should be. */
  readonly deadPeers: number;
  /** Which clients were gone, and were not ended as they should be. */
  readonly left: readonly string[];
  /** Messages that the server should not have got, and what it printed to stderr. */
  readonly wrong: readonly string[];
}

/** Describes all deaths that are not excused: what happened, when and to whom, the most frequent first. */
export function summarize({ seed, failures }: Pick<StallsResult, 'seed' | 'failures'>): string[] {
  const groups = new Map<string, Failure[]>();
  for (const failure of failures.filter(({ isExcused }) => !isExcused)) {
    const text = `${failure.limit}: ${failure.what}; its session: ${failure.server}`;
    groups.set(text, [...(groups.get(text) ?? []), failure]);
  }
  return [...groups]
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([text, group]) => {
      const first = group[0];
      const where = withCounts(group.map(({ stall }) => stall));
      const who = withCounts(group.map(({ role }) => role));
      const when = `seed ${seed}, the first after ${first?.at} ms of ${first?.stall}`;
      return [`${group.length} × ${text}`, when, where, who].join('\n  ');
    });
}

/** Describes all that must not be in a result; empty where all is well. */
export function problemsIn(result: StallsResult): string[] {
  return [...summarize(result), ...result.left, ...result.wrong];
}

/** Each text once, with how often it occurs. */
export function withCounts(texts: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const text of texts) {
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  return [...counts].map(([text, count]) => `${count} × ${text}`).join('; ');
}

/** Tells which limit ended a client, by what it saw and what the server said. */
export function limitOf(
  { duty, transport }: Role,
  { what, stall }: Pick<Failure, 'what' | 'stall'>,
  server: string,
): Limit {
  if (stall.startsWith('close')) {
    return 'the timeout of router.close()';
  }
  if (what.includes('408')) {
    return 'receiveTimeout';
  }
  if (what.includes('503')) {
    return 'upgradeTimeout';
  }
  if (server.startsWith('1013')) {
    return 'receiveStallTimeout';
  }
  if (server.startsWith('1006') && isWebSocket(transport)) {
    return duty === 'reads slowly' ? 'websocketWriteTimeout' : 'heartbeatDelay';
  }
  if (server.startsWith('1002')) {
    return what.startsWith('in the middle of a response') ? 'the limit on slow readers' : 'disconnectDelay';
  }
  return 'no known limit';
}
