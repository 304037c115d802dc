/** Shows the state of a connection in words, on both pages. */
import { find } from './dom.js';

const TITLES = {
  closed: 'Not connected',
  connecting: 'Connecting…',
  open: 'Connected',
  waiting: 'No connection',
  failed: 'Connection failed',
};

/**
 * Updates `#state` and `#detail` when the state of a connection changes.
 *
 * @param {import('./connection.js').Connection} connection
 * @param {{ closed: string, failed: string }} details the text of `#detail` in these states
 */
export function showState(connection, details) {
  let countdown;
  const detail = () => {
    const { state, transport, end, nextAttempt } = connection;
    if (state === 'open') {
      return `over ${transport}`;
    }
    if (state === 'waiting') {
      const seconds = Math.max(1, Math.ceil((nextAttempt - Date.now()) / 1000));
      return `${describeEnd(end)}. Trying again in ${seconds} s.`;
    }
    return details[state] ?? 'Waiting for the server to answer.';
  };
  const show = () => {
    clearInterval(countdown);
    find('status').dataset.state = connection.state;
    find('state').textContent = TITLES[connection.state];
    // Screen readers must not read a countdown aloud.
    find('detail').setAttribute('aria-live', connection.state === 'waiting' ? 'off' : 'polite');
    find('detail').textContent = detail();
    if (connection.state === 'waiting') {
      countdown = setInterval(() => {
        find('detail').textContent = detail();
      }, 250);
    }
  };
  connection.addEventListener('state', show);
  show();
}

/** Formats a close, as `1001 Server shutting down`. */
export function describeEnd(end) {
  return `${end.code} ${end.reason}`.trim();
}
