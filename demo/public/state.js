/** Shows on either page how the connection fares, in words. */
import { find } from './dom.js';

const TITLES = {
  closed: 'Not connected',
  connecting: 'Connecting…',
  open: 'Connected',
  waiting: 'No connection',
  failed: 'No way through',
};

/**
 * Keeps `#state` and `#detail` in step with a connection.
 *
 * @param {import('./connection.js').Connection} connection
 * @param {{ closed: string, failed: string }} details what to say where nothing goes on
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
    // A countdown is not to be read out.
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

/** As in `1001 Server shutting down`. */
export function describeEnd(end) {
  return `${end.code} ${end.reason}`.trim();
}
