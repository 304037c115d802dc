/** Sends pings while connected, and draws the round trip times. */
import { Chart } from './chart.js';
import { find } from './dom.js';

/** ms between two pings. */
const INTERVAL = 1_000;

/** @param {import('./connection.js').Connection} connection */
export function showLatency(connection) {
  const svg = find('latency-chart');
  const chart = new Chart(svg, { length: 60, floor: 5 });
  /** The time at which each unanswered ping was sent, by its id. */
  const sent = new Map();
  let lastId = 0;
  let timer;

  const ping = () => {
    lastId += 1;
    sent.set(lastId, performance.now());
    connection.send({ type: 'ping', id: lastId });
  };

  connection.addEventListener('state', () => {
    clearInterval(timer);
    sent.clear();
    if (connection.state === 'open') {
      chart.clear();
      ping();
      timer = setInterval(ping, INTERVAL);
    }
  });

  connection.addEventListener('message', ({ detail: message }) => {
    const start = message.type === 'pong' ? sent.get(message.id) : undefined;
    if (start === undefined) {
      return;
    }
    sent.delete(message.id);
    chart.add(performance.now() - start);
    const { values } = chart;
    const median = values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
    const figures = { last: values.at(-1), median, highest: Math.max(...values) };
    for (const [name, value] of Object.entries(figures)) {
      find(`latency-${name}`).textContent = ms(value);
    }
    find('latency-top').textContent = `${chart.top} ms`;
    find('latency-empty').hidden = true;
    svg.setAttribute(
      'aria-label',
      `Round trip of the last minute: last ${ms(figures.last)}, median ${ms(median)}, highest ${ms(figures.highest)}`,
    );
  });
}

/** Formats ms, as `4.2 ms` or `120 ms`. */
function ms(value) {
  return `${value < 99.95 ? value.toFixed(1) : Math.round(value)} ms`;
}
