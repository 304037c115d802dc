/** The chat room. */
import { badge, clock, element, find } from './dom.js';
import { Log } from './log.js';

/** Lines that the page keeps. */
const LIMIT = 200;

/** @param {import('./connection.js').Connection} connection */
export function showChat(connection) {
  const box = find('chat-log');
  const log = new Log(box, find('chat-list'), LIMIT);
  /** The number that the server gave this connection. */
  let you;

  const add = ({ from, at, name, text, process }) => {
    const date = new Date(at);
    const time = element('time', '', clock(date));
    time.dateTime = date.toISOString();
    const by = element('p', 'by', element('b', '', name), time);
    if (process !== undefined) {
      // The demo of many processes says which one has sent the message.
      by.prepend(badge(process));
    }
    const line = element('li', '', by, element('p', 'said', text));
    line.classList.toggle('own', from === you);
    log.add(line);
  };
  const showHistory = (messages) => {
    // Screen readers must not read it aloud.
    box.setAttribute('aria-live', 'off');
    log.clear();
    messages.forEach(add);
    setTimeout(() => box.setAttribute('aria-live', 'polite'), 1_000);
  };
  const showError = (text) => {
    find('chat-error').textContent = text;
  };

  connection.addEventListener('message', ({ detail: message }) => {
    if (message.type === 'welcome') {
      you = message.you;
      if (message.history !== undefined) {
        showHistory(message.history);
      }
    } else if (message.type === 'people') {
      find('people').textContent = message.count;
    } else if (message.type === 'chat') {
      add(message);
    } else if (message.type === 'error') {
      showError(message.message);
    }
  });
  connection.addEventListener('state', () => {
    if (connection.state === 'open') {
      showError('');
    } else {
      find('people').textContent = '–';
    }
  });

  const name = find('name');
  const text = find('text');
  name.value = sessionStorage.getItem('name') ?? inventName();
  name.addEventListener('change', () => sessionStorage.setItem('name', name.value));
  find('chat-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const said = { type: 'chat', name: name.value.trim(), text: text.value.trim() };
    if (said.name === '' || said.text === '') {
      showError('A message needs a name and a text.');
    } else if (connection.send(said)) {
      showError('');
      text.value = '';
    } else {
      showError('Not connected: connect first, then send.');
    }
    text.focus();
  });
}

function inventName() {
  const pick = (words) => words[Math.floor(Math.random() * words.length)];
  return `${pick(['Amber', 'Brisk', 'Calm', 'Dapper', 'Keen', 'Merry', 'Quiet', 'Swift'])} ${pick([
    'Badger',
    'Falcon',
    'Heron',
    'Lynx',
    'Marten',
    'Otter',
    'Robin',
    'Vole',
  ])}`;
}
