/** The page of the chat. While it is cut off, other pages may speak: it shows what they said once it is back. */
import { Connection } from './connection.js';

/**
 * @template {Element} Kind
 * @param {string} selector
 * @param {new () => Kind} kind
 */
function find(selector, kind) {
  const element = document.querySelector(selector);
  if (!(element instanceof kind)) {
    throw new Error(`the page has no ${selector}`);
  }
  return element;
}

const status = find('#status', HTMLOutputElement);
const messages = find('#messages', HTMLOListElement);
const input = find('input', HTMLInputElement);
const controls = [input, find('#cut', HTMLButtonElement), find('form button', HTMLButtonElement)];

/** @param {string} text */
function show(text) {
  const item = document.createElement('li');
  item.textContent = text;
  messages.prepend(item);
}

const connection = new Connection('/chat', {
  onMessage: (data) => show(String(data)),
  onLost: () => show('… some messages are lost …'),
  onStatus: (now) => {
    status.textContent = now;
    for (const control of controls) {
      control.disabled = now !== 'open';
    }
  },
});

find('#cut', HTMLButtonElement).addEventListener('click', () => connection.send('/cut'));

find('form', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault();
  // What could not be sent stays, so that it can be sent later.
  if (connection.send(input.value)) {
    input.value = '';
  }
});
