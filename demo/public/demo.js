/** The demo's page: connects as the user chooses, sends what is typed, and shows what comes back. */

const { SockJS } = globalThis;

const find = (id) => document.getElementById(id);
const list = document.querySelector('#log ol');
const composer = document.querySelector('#message fieldset');

/** The connection there is or is to be; undefined when closed. */
let socket;

/** When each of this page's messages that are still on their way was sent, by its id. */
const sent = new Map();

find('connection').addEventListener('submit', (event) => {
  event.preventDefault();
  if (socket === undefined) {
    connect(new FormData(event.target).get('transport'));
  } else {
    socket.close();
  }
});

find('message').addEventListener('submit', (event) => {
  event.preventDefault();
  const { value: text } = find('text');
  send(event.submitter?.value ?? 'echo', text);
  find('text').value = '';
  find('text').focus();
});

/** @param {string} transport as sockjs-client names it; empty for whichever works */
function connect(transport) {
  socket = new SockJS('/sockjs', null, transport === '' ? {} : { transports: [transport] });
  showState('connecting', `connecting${transport && ` over ${transport}`}`);

  socket.onopen = () => {
    find('transport').textContent = socket.transport;
    showState('open', `open over ${socket.transport}`);
    // With no text: only to see how long it takes.
    send('echo', '');
    find('text').focus();
  };

  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.type === 'people') {
      find('people').textContent = message.count;
      return;
    }
    const took = roundTrip(message.id);
    if (message.text !== '') {
      log(message.text, [message.type, took === undefined ? 'from someone else' : took].join(' · '));
    }
  };

  socket.onclose = ({ code, reason, wasClean }) => {
    socket = undefined;
    sent.clear();
    for (const id of ['transport', 'round-trip', 'people']) {
      find(id).textContent = '–';
    }
    showState(wasClean ? 'closed' : 'failed', `closed with ${code}${reason && `: ${reason}`}`);
  };
}

/** @param {'echo' | 'broadcast'} type */
function send(type, text) {
  const id = Array.from(crypto.getRandomValues(new Uint32Array(2)), (part) => part.toString(36)).join('');
  sent.set(id, performance.now());
  socket.send(JSON.stringify({ type, id, text }));
}

/** How long a message of ours took, shown; undefined for one of somebody else's. */
function roundTrip(id) {
  const start = sent.get(id);
  if (start === undefined) {
    return undefined;
  }
  sent.delete(id);
  const took = `${(performance.now() - start).toFixed(1)} ms`;
  find('round-trip').textContent = took;
  return took;
}

/** @param {'closed' | 'connecting' | 'open' | 'failed'} state */
function showState(state, description) {
  find('state').dataset.state = state;
  find('state').textContent = state;
  find('connect').textContent = state === 'open' ? 'Disconnect' : state === 'connecting' ? 'Cancel' : 'Connect';
  find('connect').classList.toggle('quiet', socket !== undefined);
  find('transports').disabled = socket !== undefined;
  composer.disabled = state !== 'open';
  log(description, '', 'event');
}

/** Adds a line, and scrolls to it unless the reader has scrolled away. */
function log(text, note, className = '') {
  const box = find('log');
  const follows = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  const line = document.createElement('li');
  line.className = className;
  const words = document.createElement('span');
  words.textContent = text;
  const aside = document.createElement('small');
  aside.textContent = note;
  line.append(words, aside);
  list.append(line);
  if (follows) {
    box.scrollTop = box.scrollHeight;
  }
}
