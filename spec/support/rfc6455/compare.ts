/** Plays cases to both servers and compares the transcripts. */
import assert from 'node:assert/strict';
import { outcomeOf, playCase, type Transcript } from './conversation.ts';
import { ownHeaders } from './differences.ts';
import type { FrameCase } from './frame-case.ts';
import { isClose, isControl } from './server-frames.ts';
import type { ServerPair } from './server-pair.ts';

/** Cases that run at the same time, each with both servers. */
const CONCURRENCY = 8;
/** Failed cases that are reported in full. The others are reported by name. */
const MAX_REPORTED = 12;
/** Characters that are reported of a segment or a response, and segments of a case. */
const MAX_HEX = 240;
const MAX_SEGMENTS = 12;

/**
 * Plays each case to both servers of the pair.
 *
 * @throws AssertionError that reports every failed case: the segments sent, and the responses of both servers in hex
 */
export async function assertSameAsWs(pair: ServerPair, cases: readonly FrameCase[]): Promise<void> {
  assert.ok(cases.length > 0, 'there are no cases');
  const failures: string[] = [];
  const waiting = cases.values();
  const worker = async () => {
    for (const one of waiting) {
      const failure = await failureOf(pair, one).catch((error: unknown) => `  ${one.name}\n    ${String(error)}`);
      if (failure !== undefined) {
        failures.push(failure);
      }
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  if (failures.length > 0) {
    const more = failures.slice(MAX_REPORTED).map((failure) => failure.slice(0, failure.indexOf('\n')));
    assert.fail(
      [
        `${failures.length} of ${cases.length} cases failed`,
        ...failures.slice(0, MAX_REPORTED),
        ...(more.length > 0 ? ['and', ...more] : []),
      ].join('\n'),
    );
  }
}

async function failureOf(pair: ServerPair, one: FrameCase): Promise<string | undefined> {
  const [ws, actual] = await Promise.all([playCase(pair.ws, one), playCase(pair.package, one)]);
  const wrong: string[] = [];
  const { outcome = 'open', differs = [] } = one;
  if (outcome !== 'any' && outcomeOf(ws) !== outcome) {
    wrong.push(`the outcome at ws is ${outcomeOf(ws)}, not ${outcome}`);
  }
  const expected = [ownHeaders, ...differs].reduce((transcript, difference) => difference(transcript), ws);
  const seen = one.anyControlOrder ? controlFirst : (transcript: Transcript) => transcript;
  for (const [what, tell] of Object.entries(PARTS)) {
    const [should, is] = [tell(seen(expected)), tell(seen(actual))];
    if (should !== is) {
      const from = firstDifference(should, is);
      wrong.push(`${what}\n      expected ${shorten(should, from)}\n      actual   ${shorten(is, from)}`);
    }
  }
  if (wrong.length === 0) {
    return undefined;
  }
  const sent = one.segments.slice(0, MAX_SEGMENTS).map((segment) => shorten(segment.toString('hex')));
  const more = one.segments.length > MAX_SEGMENTS ? `, and ${one.segments.length - MAX_SEGMENTS} more` : '';
  return [`  ${one.name}`, `    sent ${sent.join(' | ')}${more}`, ...wrong.map((line) => `    ${line}`)].join('\n');
}

/** The parts of a transcript that must be equal, as text. */
const PARTS: Readonly<Record<string, (transcript: Transcript) => string>> = {
  stuck: ({ hasTimedOut }) => String(hasTimedOut),
  head: ({ head }) => JSON.stringify(head),
  answer: ({ frames, rest }) => [...frames.map(({ bytes }) => bytes), rest].map((b) => b.toString('hex')).join(' '),
  messages: ({ messages }) => JSON.stringify(messages),
  closed: ({ closed }) => JSON.stringify(closed ?? 'nothing'),
};

/** Sorts the frames before the close: first control frames, then answers, each kind in its own order. */
function controlFirst(transcript: Transcript): Transcript {
  const { frames } = transcript;
  const at = frames.findIndex(isClose);
  const before = frames.slice(0, at < 0 ? undefined : at);
  const answers = before.filter((frame) => !isControl(frame));
  return { ...transcript, frames: [...before.filter(isControl), ...answers, ...frames.slice(before.length)] };
}

function firstDifference(one: string, other: string): number {
  let at = 0;
  while (at < one.length && one[at] === other[at]) {
    at += 1;
  }
  return at;
}

/** Returns the part of a long text around `at`. */
function shorten(long: string, at = 0): string {
  if (long.length <= MAX_HEX) {
    return long || '(nothing)';
  }
  const from = Math.max(0, at - MAX_HEX / 2);
  const part = long.slice(from, from + MAX_HEX);
  return `${from > 0 ? '…' : ''}${part}${from + MAX_HEX < long.length ? '…' : ''} (${long.length} characters)`;
}
