/** The statistics page: shows the counters of the server, which arrive over a SockJS connection of its own. */
import { Chart } from './chart.js';
import { Connection } from './connection.js';
import { bytes, element, find } from './dom.js';
import { showState } from './state.js';

const number = new Intl.NumberFormat('en');
const count = (value) => number.format(Math.round(value));
const rate = (value) => `${value >= 10 || Number.isInteger(value) ? count(value) : value.toFixed(1)}/s`;
const byteRate = (value) => `${bytes(value)}/s`;

/** Totals since the server started. Each tile shows the rate. */
const RATES = {
  'messages-in': { field: 'messagesIn', show: rate, total: count },
  'messages-out': { field: 'messagesOut', show: rate, total: count },
  'bytes-in': { field: 'bytesIn', show: byteRate, total: bytes },
  'bytes-out': { field: 'bytesOut', show: byteRate, total: bytes },
};

const charts = new Map(
  Object.entries({
    'live-sessions': 4,
    queued: 1_000,
    'messages-in': 5,
    'messages-out': 5,
    'bytes-in': 500,
    'bytes-out': 500,
  }).map(([id, floor]) => [id, new Chart(find(`${id}-chart`), { length: 60, floor })]),
);

let previous;

const connection = new Connection('/stats');
showState(connection, { closed: '', failed: 'No transport works here.' });
connection.addEventListener('state', () => {
  const { state } = connection;
  find('connect').hidden = state === 'open' || state === 'connecting';
  document.body.classList.toggle('stale', state !== 'open');
  previous = undefined;
});
connection.addEventListener('message', ({ detail }) => showReading(detail));
find('connect').addEventListener('click', () => connection.connect(''));
connection.connect('');

function showReading(reading) {
  const live = Object.values(reading.sessions).reduce((sum, sessions) => sum + sessions, 0);
  showTile('live-sessions', live, count, `${count(reading.opened)} opened, ${count(reading.closed)} closed`);
  showTile('queued', reading.queuedBytes, bytes, 'waiting to leave');
  for (const [id, { field, show, total }] of Object.entries(RATES)) {
    const seconds = previous === undefined ? 0 : (reading.at - previous.at) / 1000;
    // The counters of a restarted server begin at 0.
    const value = seconds > 0 ? Math.max(0, reading[field] - previous[field]) / seconds : undefined;
    showTile(id, value, show, `${total(reading[field])} in all`);
  }
  previous = reading;
  showTransports(reading.sessions, live);
  showRejected(reading.rejected);
}

/** @param {number | undefined} value undefined before it is known */
function showTile(id, value, show, note) {
  find(`${id}-note`).textContent = note;
  if (value === undefined) {
    return;
  }
  find(id).textContent = show(value);
  const chart = charts.get(id);
  chart.add(value);
  find(`${id}-top`).textContent = show(chart.top);
}

function showTransports(sessions, live) {
  find('transports-empty').hidden = true;
  fill(
    find('transports'),
    Object.entries(sessions).map(([transport, value]) => {
      const meter = element('meter', '');
      meter.max = Math.max(1, live);
      meter.value = value;
      meter.setAttribute('aria-label', `Share of ${transport}`);
      return { name: transport, cells: [element('td', 'share', meter), element('td', 'count', count(value))] };
    }),
  );
}

function showRejected(rejected) {
  const reasons = Object.entries(rejected);
  find('rejected-empty').hidden = reasons.length > 0;
  fill(
    find('rejected'),
    reasons.map(([name, value]) => ({ name, cells: [element('td', 'count', count(value))] })),
  );
}

function fill(body, rows) {
  body.replaceChildren(
    ...rows.map(({ name, cells }) => {
      const head = element('th', '', name);
      head.scope = 'row';
      return element('tr', '', head, ...cells);
    }),
  );
}
