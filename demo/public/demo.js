/** The demo's page: connects over the chosen transport, and shows the frames. */
import { showChat } from './chat.js';
import { Connection } from './connection.js';
import { find } from './dom.js';
import { showFrames } from './frames.js';
import { showLatency } from './latency.js';
import { describeEnd, showState } from './state.js';

const HINTS = {
  '': 'The best that works, found by trying one after another.',
  websocket: 'Both ways on one socket.',
  'xhr-streaming': 'One endless response to receive; requests to send.',
  eventsource: 'Server-sent events; requests to send.',
  htmlfile: 'A page in a frame that never stops loading.',
  'xhr-polling': 'A request that waits for messages, then the next.',
  'jsonp-polling': 'A script that waits for messages, then the next; forms to send.',
  'iframe-eventsource': 'Server-sent events, in a frame from the server’s origin.',
  'iframe-htmlfile': 'A page that never stops loading, in a frame within a frame.',
  'iframe-xhr-polling': 'Requests that wait for messages, in a frame from the server’s origin.',
};

/** Label of the connect button in each state. */
const CONNECT = {
  closed: 'Connect',
  connecting: 'Connecting',
  open: 'Reconnect',
  waiting: 'Try now',
  failed: 'Try again',
};

const connection = new Connection('/sockjs');
const transport = find('transport');
const connect = find('connect');
const disconnect = find('disconnect');
let openSince = 0;

const frames = showFrames(connection);
// First, since other listeners send as soon as the connection is open.
connection.addEventListener('state', () => {
  const { state, end, wanted } = connection;
  if (state === 'connecting') {
    frames.note(`connecting${wanted && ` over ${wanted}`}`);
  } else if (state === 'open') {
    frames.note(`open over ${connection.transport}`);
    openSince = Date.now();
  } else {
    frames.note(`closed${end === undefined ? ' by you' : ` with ${describeEnd(end)}`}`);
  }
  show();
});
showState(connection, {
  closed: 'Pick a transport and connect.',
  failed: 'This transport does not work here. Pick another one.',
});
showChat(connection);
showLatency(connection);

transport.addEventListener('change', () => {
  find('transport-hint').textContent = HINTS[transport.value];
});
find('connect-form').addEventListener('submit', (event) => {
  event.preventDefault();
  // The button is not `disabled`, since that would take the keyboard focus from it.
  if (connection.state !== 'connecting') {
    connection.connect(transport.value);
  }
});
disconnect.addEventListener('click', () => connection.disconnect());

setInterval(showAge, 1_000);

function show() {
  const { state } = connection;
  const isIdle = state === 'closed' || state === 'failed';
  connect.textContent = CONNECT[state];
  connect.classList.toggle('quiet', state === 'open');
  connect.setAttribute('aria-disabled', String(state === 'connecting'));
  disconnect.textContent = state === 'connecting' || state === 'waiting' ? 'Cancel' : 'Disconnect';
  disconnect.setAttribute('aria-disabled', String(isIdle));
  showAge();
}

function showAge() {
  const seconds = Math.floor((Date.now() - openSince) / 1000);
  const two = (number) => String(number).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  const minutes = two(Math.floor(seconds / 60) % 60);
  find('age').textContent =
    connection.state === 'open' ? `${hours > 0 ? `${hours}:` : ''}${minutes}:${two(seconds % 60)}` : '–';
}
