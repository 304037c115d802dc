/** The way of each request: from the page to the process that answers, and on to the one that holds the session. */
import { answers } from './answers.js';
import { badge, element, find } from './dom.js';

/** Answers that the page shows. */
const SHOWN = 24;

/** Requests of a session, by the last part of their path. */
const REQUESTS = new Set(['xhr', 'xhr_send', 'xhr_streaming']);

/** The answers to the requests of one session. */
class SessionAnswers {
  /** As in the path of its requests; undefined before the first answer, and for a WebSocket. */
  id;
  /** The process that holds the session; undefined before it is known. */
  owner;
  /** Answers by process. */
  counts = new Map();

  get total() {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  get relayed() {
    return this.owner === undefined ? 0 : this.total - (this.counts.get(this.owner) ?? 0);
  }

  isRelayed(process) {
    return this.owner !== undefined && process !== this.owner;
  }
}

/**
 * @param {import('./connection.js').Connection} connection
 * @param {import('./processes.js').Processes} processes
 */
export function showWay(connection, processes) {
  let session = new SessionAnswers();
  /** The last answers with the session of each, the newest first. */
  const last = [];
  /** The ids of earlier sessions. Answers to them may still come. */
  const ended = new Set();

  const show = () => {
    const { total, relayed, counts } = session;
    find('requests').textContent = total;
    find('relayed').textContent = total === 0 ? '0' : `${relayed} (${Math.round((relayed / total) * 100)} %)`;
    processes.showAnswers(counts);
    find('strip').replaceChildren(...last.map(mark));
    const [newest] = last;
    find('path').replaceChildren(...(newest?.session === session ? pathOf(newest) : pathOfSocket(connection, session)));
  };

  answers.addEventListener('answer', ({ detail: { process, session: id, request } }) => {
    if (REQUESTS.has(request) && !ended.has(id)) {
      session.id = id;
      session.counts.set(process, (session.counts.get(process) ?? 0) + 1);
      last.unshift({ process, request, session });
      last.splice(SHOWN);
      show();
    }
  });
  connection.addEventListener('state', () => {
    if (connection.state === 'connecting') {
      ended.add(session.id);
      session = new SessionAnswers();
    }
    show();
  });
  connection.addEventListener('message', ({ detail: message }) => {
    if (message.type === 'welcome') {
      session.owner = message.process;
      show();
    }
  });
  show();
}

/** One answer, as the letter of its process. */
function mark({ process, request, session }) {
  const isRelayed = session.isRelayed(process);
  const made = badge(process);
  made.classList.toggle('relayed', isRelayed);
  made.title = `${request}, answered by ${process}${isRelayed ? `, relayed to ${session.owner}` : ''}`;
  return element('li', '', made);
}

function pathOf({ process, request, session }) {
  const way = [step('You'), arrow(request), badge(process)];
  return session.isRelayed(process) ? [...way, arrow('relayed to'), badge(session.owner)] : way;
}

function pathOfSocket({ state, transport }, { owner }) {
  if (state === 'open' && transport === 'websocket' && owner !== undefined) {
    return [step('You'), arrow('WebSocket'), badge(owner)];
  }
  return [element('span', 'none', state === 'open' ? 'No answer yet.' : 'Not connected.')];
}

const step = (text) => element('span', 'step', text);

const arrow = (text) => element('span', 'to', text);
