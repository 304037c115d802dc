/** The result of a run with stalls, and the text of its failures. */
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

/** A healthy client has ended, or got an unexpected message. */
export interface Failure {
  /** The role of the client, in words. */
  readonly role: string;
  readonly id: string;
  /** What the client observed. */
  readonly what: string;
  /** The limit that ended the client, judging by the observations of client and server. */
  readonly limit: Limit;
  /** How its session ended at the server. */
  readonly server: string;
  /** The last stall: its moment, and its length in multiples of the limit. */
  readonly stall: string;
  /** ms from the beginning of that stall to the failure. */
  readonly at: number;
  /** Whether the clients' process could not run for so long that the client may have been late. */
  readonly isExcused: boolean;
}

/** The result of a run. */
export interface StallsResult {
  readonly seed: number;
  readonly stalls: number;
  /** Seconds for which the server was blocked. */
  readonly stalled: number;
  readonly sessions: number;
  readonly rounds: number;
  readonly failures: readonly Failure[];
  /** Dead peers that the server ended as expected. */
  readonly deadPeers: number;
  /** Dead peers that the server did not end as expected. */
  readonly left: readonly string[];
  /** Unexpected messages that the server got, and its stderr. */
  readonly wrong: readonly string[];
}

/** Describes the failures without an excuse: what happened, when and to which role. The most frequent come first. */
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

/** Describes all problems of a run. Empty if there are none. */
export function problemsIn(result: StallsResult): string[] {
  return [...summarize(result), ...result.left, ...result.wrong];
}

/** Joins texts, each once and with its count. */
export function withCounts(texts: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const text of texts) {
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  return [...counts].map(([text, count]) => `${count} × ${text}`).join('; ');
}

/** Returns the limit that ended a client, judging by the observations of client and server. */
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
