/** A small application with the hook of the recipe: what it shows is read by the spec, which also tells it what to do. */
import { createElement, StrictMode, useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { useSockjs } from '../../../../demo/recipes/reconnect/public/use-sockjs.js';

function Chat({ url, mark }) {
  const [messages, setMessages] = useState([]);
  // Another function at each rendering.
  const onMessage = (data) => setMessages((before) => [...before, `${data}${mark}`]);
  const { status, send } = useSockjs(url, { onMessage });
  useEffect(() => {
    globalThis.statuses.push(status);
  }, [status]);
  useEffect(() => {
    globalThis.sends.add(send);
  }, [send]);
  return createElement('p', null, [url, status, ...messages].join(' '));
}

globalThis.sends = new Set();
globalThis.statuses = [];
globalThis.sockets = [];
const { SockJS } = globalThis;
globalThis.SockJS = function create(...args) {
  const socket = new SockJS(...args);
  globalThis.sockets.push(socket);
  return socket;
};

const root = createRoot(document.body);
globalThis.show = (url, mark) =>
  root.render(createElement(StrictMode, null, url === undefined ? null : createElement(Chat, { url, mark })));
globalThis.show('/chat', '.');
