/** The page of many processes: connects, shows which process does what, and ends the one that holds its session. */
import { showChat } from './chat.js';
import { showConnectForm } from './connect-form.js';
import { Connection } from './connection.js';
import { find } from './dom.js';
import { showEvents } from './events.js';
import { Processes } from './processes.js';
import { showState } from './state.js';
import { showWay } from './way.js';

const HINTS = {
  'xhr-polling': 'Each request goes to the next process, which relays it to the one that holds the session.',
  'xhr-streaming': 'One endless response from one process; what you send goes to any, and is relayed.',
  websocket: 'One connection to one process, which holds the session: nothing is relayed.',
};

const connection = new Connection('/sockjs');
const transport = find('transport');
const end = find('end');
/** The process that holds the session of this page; undefined without a session. */
let owner;

const processes = new Processes();
const addEvent = showEvents(connection);
showWay(connection, processes);
showConnectForm(connection, HINTS);
showState(connection, {
  closed: 'Pick a transport and connect.',
  failed: 'This transport does not work here. Pick another one.',
});
showChat(connection);

const setOwner = (process) => {
  owner = process;
  processes.setOwner(owner?.process);
  end.textContent = owner === undefined ? 'End the owner' : `End the owner: process ${owner.process}`;
  end.setAttribute('aria-disabled', String(owner === undefined));
};

const sayName = () => {
  const name = find('name').value.trim();
  if (name !== '') {
    connection.send({ type: 'name', name });
  }
};
find('name').addEventListener('change', sayName);

connection.addEventListener('state', () => {
  if (connection.state !== 'open') {
    setOwner(undefined);
  }
});
connection.addEventListener('message', ({ detail: message }) => {
  if (message.type === 'welcome') {
    setOwner(message);
    find('adapter').textContent = message.adapter;
    sayName();
    processes.keep(message.nodes);
  } else if (message.type === 'process') {
    const previous = processes.update(message);
    if (previous !== undefined) {
      addEvent('', `Process ${message.process} was replaced: pid ${previous} has ended, pid ${message.pid} is there.`);
    }
    if (message.process === owner?.process) {
      find('people').textContent = message.everywhere;
    }
  } else if (message.type === 'nodes') {
    processes.keep(message.nodes);
  }
});

find('end-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  if (owner === undefined) {
    return;
  }
  const { process, pid } = owner;
  addEvent('busy', `You end process ${process}, pid ${pid}, with SIGKILL.`);
  // The process that answers may be the one that ends: a broken response is no failure.
  const response = await fetch(`processes/${pid}/end`, { method: 'POST' }).catch(() => undefined);
  if (response?.ok === false) {
    addEvent('bad', `The demo refuses to end it: ${response.status} ${response.statusText}.`);
  } else {
    processes.remove(pid);
  }
});

const showHint = () => {
  find('transport-hint').textContent = HINTS[transport.value];
};
showHint();
setOwner(undefined);
connection.connect(transport.value);
