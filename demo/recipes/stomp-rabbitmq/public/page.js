/** A page of a topic. `?transport=xhr-polling` has SockJS use one transport only. */

import { Client } from '/stompjs/index.js';

const status = document.querySelector('#status');
const messages = document.querySelector('#messages');
const form = document.querySelector('form');
const { text } = form.elements;
const transports = new URLSearchParams(location.search).getAll('transport');

function setStatus(line, isConnected) {
  status.textContent = line;
  for (const control of form.elements) {
    control.disabled = !isConnected;
  }
}

const client = new Client({
  // Called for each attempt. Without it, stompjs opens a plain WebSocket.
  webSocketFactory: () => new SockJS('/stomp', null, transports.length > 0 ? { transports } : {}),
  // An administrator. For trying only: the relay lets every client log in with it.
  connectHeaders: { login: 'guest', passcode: 'guest' },
  reconnectDelay: 1_000, // ms
  onConnect: () => {
    setStatus(`connected by ${client.webSocket.transport}`, true);
    client.subscribe('/topic/chat', ({ body }) => {
      const item = document.createElement('li');
      item.textContent = body;
      messages.prepend(item);
    });
  },
  onStompError: ({ headers: { message } }) => setStatus(`error: ${message}`, false),
  onWebSocketClose: ({ code, reason }) => setStatus(`${reason || 'closed'} (${code}), trying again`, false),
});

form.addEventListener('submit', (event) => {
  event.preventDefault();
  client.publish({ destination: '/topic/chat', body: text.value });
  text.value = '';
});

client.activate();
