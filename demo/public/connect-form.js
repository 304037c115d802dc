/** The form that connects and disconnects, and the time for which the connection has been open. */
import { duration, find } from './dom.js';

/** Label of the connect button in each state. */
const CONNECT = {
  closed: 'Connect',
  connecting: 'Connecting',
  open: 'Reconnect',
  waiting: 'Try now',
  failed: 'Try again',
};

/**
 * @param {import('./connection.js').Connection} connection
 * @param {Record<string, string>} hints what each transport does, by its name
 */
export function showConnectForm(connection, hints) {
  const transport = find('transport');
  const connect = find('connect');
  const disconnect = find('disconnect');
  let openSince = 0;

  const showAge = () => {
    find('age').textContent = connection.state === 'open' ? duration(Date.now() - openSince) : '–';
  };
  connection.addEventListener('state', () => {
    const { state } = connection;
    if (state === 'open') {
      openSince = Date.now();
    }
    connect.textContent = CONNECT[state];
    connect.classList.toggle('quiet', state === 'open');
    connect.setAttribute('aria-disabled', String(state === 'connecting'));
    disconnect.textContent = state === 'connecting' || state === 'waiting' ? 'Cancel' : 'Disconnect';
    disconnect.setAttribute('aria-disabled', String(state === 'closed' || state === 'failed'));
    showAge();
  });
  setInterval(showAge, 1_000);

  transport.addEventListener('change', () => {
    find('transport-hint').textContent = hints[transport.value];
  });
  find('connect-form').addEventListener('submit', (event) => {
    event.preventDefault();
    // The button is not `disabled`, since that would take the keyboard focus from it.
    if (connection.state !== 'connecting') {
      connection.connect(transport.value);
    }
  });
  disconnect.addEventListener('click', () => connection.disconnect());
}
