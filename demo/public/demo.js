/** The demo's page: connects over the chosen transport, and shows the frames. */
import { showChat } from './chat.js';
import { showConnectForm } from './connect-form.js';
import { Connection } from './connection.js';
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

const connection = new Connection('/sockjs');

const frames = showFrames(connection);
// First, since other listeners send as soon as the connection is open.
connection.addEventListener('state', () => {
  const { state, end, wanted } = connection;
  if (state === 'connecting') {
    frames.note(`connecting${wanted && ` over ${wanted}`}`);
  } else if (state === 'open') {
    frames.note(`open over ${connection.transport}`);
  } else {
    frames.note(`closed${end === undefined ? ' by you' : ` with ${describeEnd(end)}`}`);
  }
});
showConnectForm(connection, HINTS);
showState(connection, {
  closed: 'Pick a transport and connect.',
  failed: 'This transport does not work here. Pick another one.',
});
showChat(connection);
showLatency(connection);
