/** The list of what this page sees of processes that end and sessions that come back. */
import { element, find, preciseClock } from './dom.js';
import { Log } from './log.js';
import { describeEnd } from './state.js';

/** Lines that the page keeps. */
const LIMIT = 200;

/** What a close tells of the process that held the session. */
const MEANINGS = {
  1001: 'The process has shut down in order.',
  1006: 'The connection broke: it was at a process that has ended.',
  1012: 'Another process had the request. It knows that the owner has ended, and told this page.',
};

/**
 * @param {import('./connection.js').Connection} connection
 * @returns a function that adds a line
 */
export function showEvents(connection) {
  const log = new Log(find('events-log'), find('events-list'), LIMIT);
  /** When the last session of this page was closed, as of `performance.now()`; undefined where the visitor did that. */
  let closedAt;
  /** ms for which the page has waited since, so that not all clients of a process come back at once. */
  let waited = 0;

  /** @param {'' | 'good' | 'busy' | 'bad'} kind */
  const add = (kind, text) => {
    const now = new Date();
    const time = element('time', '', preciseClock(now));
    time.dateTime = now.toISOString();
    const line = element('li', kind, time, element('span', '', text));
    log.add(line);
  };

  let wasOpen = false;
  connection.addEventListener('state', () => {
    const { state, end, nextAttempt } = connection;
    if (state === 'waiting') {
      if (wasOpen) {
        closedAt = performance.now();
        waited = 0;
        add('bad', `Closed with ${nameOf(end)}. ${MEANINGS[end.code] ?? ''}`.trim());
      } else {
        add('busy', `Could not connect: ${describeEnd(end)}. Trying again.`);
      }
      waited += nextAttempt - Date.now();
    } else if (state === 'closed') {
      closedAt = undefined;
      add('', 'Closed by you.');
    } else if (state === 'failed') {
      add('bad', `Could not connect over ${connection.wanted}.`);
    }
    wasOpen = state === 'open';
  });
  connection.addEventListener('message', ({ detail: { type, process, pid } }) => {
    if (type === 'welcome') {
      const where = `process ${process}, pid ${pid}, over ${connection.transport}`;
      if (closedAt === undefined) {
        add('good', `Connected to ${where}.`);
      } else {
        const took = performance.now() - closedAt;
        add(
          'good',
          `Back after ${seconds(took)}, ${seconds(waited)} of which this page waited: a new session at ${where}.`,
        );
      }
      closedAt = undefined;
    }
  });
  return add;
}

/** No process has sent 1006: its reason is a word of sockjs-client. */
const nameOf = (end) => (end.code === 1006 ? '1006' : describeEnd(end));

/** Formats ms, as `0.74 s`. */
const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;
