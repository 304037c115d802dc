/** The list of frames, in both directions. */
import { bytes, element, find, preciseClock } from './dom.js';
import { Log } from './log.js';

/** Lines that the page keeps. */
const LIMIT = 300;
/** Characters that the page shows of a frame. */
const SHOWN = 600;

const KINDS = { o: 'open', a: 'messages', h: 'heartbeat', c: 'close' };
const encoder = new TextEncoder();

/** @param {import('./connection.js').Connection} connection */
export function showFrames(connection) {
  const box = find('frames-log');
  const list = find('frames-list');
  const log = new Log(box, list, LIMIT);
  const counts = { in: 0, out: 0 };
  let isPaused = false;

  const add = (line) => {
    if (!isPaused) {
      log.add(line);
    }
  };

  connection.addEventListener('frame', ({ detail: { direction, frame } }) => {
    counts[direction] += 1;
    find(`frames-${direction}`).textContent = counts[direction];
    add(frameLine(direction, frame));
  });

  find('show-pings').addEventListener('change', ({ target }) => {
    list.classList.toggle('no-pings', !target.checked);
    box.setAttribute('aria-live', target.checked ? 'off' : 'polite');
  });
  find('pause').addEventListener('click', ({ target }) => {
    isPaused = !isPaused;
    target.setAttribute('aria-pressed', String(isPaused));
    target.textContent = isPaused ? 'Resume' : 'Pause';
  });
  find('clear').addEventListener('click', () => log.clear());

  return { note: (text) => add(noteLine(text)) };
}

/** A line for an event that is no frame, such as an attempt to connect. */
function noteLine(text) {
  return element('li', 'note', time(), element('span', 'payload', text));
}

function frameLine(direction, frame) {
  const isIn = direction === 'in';
  const kind = isIn ? frame[0] : 's';
  const content = isIn ? frame.slice(1) : frame;
  const messages = kind === 'a' || kind === 's' ? JSON.parse(content) : [];
  const shown = kind === 'o' || kind === 'h' ? KINDS[kind] : messages.length > 0 ? messages.join('\n') : content;

  const arrow = element('span', 'arrow', isIn ? '↓' : '↑');
  arrow.setAttribute('aria-hidden', 'true');
  const badge = element('span', 'badge', isIn ? kind : '[ ]');
  badge.setAttribute('aria-hidden', 'true');
  const words = element('span', 'hidden', isIn ? `received, ${KINDS[kind] ?? 'unknown'}: ` : 'sent: ');
  const payload = element('span', 'payload', shown.length > SHOWN ? `${shown.slice(0, SHOWN)}…` : shown);
  const line = element('li', '', time(), arrow, badge, words, payload);
  line.append(element('small', 'size', bytes(encoder.encode(frame).length)));
  line.dataset.direction = direction;
  line.dataset.kind = kind;
  line.classList.toggle('ping', messages.length > 0 && messages.every(isPing));
  return line;
}

function isPing(message) {
  return /^\{"type":"p[io]ng"/.test(message);
}

function time() {
  const made = element('time', '', preciseClock(new Date()));
  made.dateTime = new Date().toISOString();
  return made;
}
