/** Reads what Redis clients answer. */
import { describe } from '../../options/checks.ts';
import { withHelp } from '../../util/help.ts';

/** @throws Error for anything but a list */
export function listOf(answer: unknown): readonly unknown[] {
  if (!Array.isArray(answer)) {
    throw unexpected(answer);
  }
  return answer;
}

/**
 * Clients answer texts or, where the application has asked for that, bytes.
 *
 * @throws Error for anything else
 */
export function textOf(answer: unknown): string {
  if (typeof answer !== 'string' && !Buffer.isBuffer(answer)) {
    throw unexpected(answer);
  }
  return answer.toString();
}

/** The error for an answer that no script gives. */
export function unexpected(answer: unknown): Error {
  return withHelp(
    'the-client-answers-otherwise',
    new Error(`sockjs: the client of redisCluster() answered ${describe(answer)}; give it one without type mappings`),
  );
}
