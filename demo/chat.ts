/** The chat room of the demo. It also answers pings. Client and server exchange JSON, one object a message. */
import { type SockjsOptions, type SockjsRouter, sockjs } from '../lib/index.ts';
import { BOUNDS, CHAT_ERROR, isText, LIMITS, parseObject, rateLimit } from './chat-protocol.ts';

/** A message of the page. */
type Request =
  | { readonly type: 'ping'; readonly id: number }
  | { readonly type: 'chat'; readonly name: string; readonly text: string };

/** Returns a SockJS endpoint that sends each chat message to all clients. */
export function createChat(options: SockjsOptions): SockjsRouter {
  const history: object[] = [];
  let lastNumber = 0;
  const sendToAll = (message: object) => chat.broadcast(JSON.stringify(message));
  const sendCount = () => sendToAll({ type: 'people', count: chat.sessions.size });

  const chat: SockjsRouter = sockjs({ ...BOUNDS, ...options }, (session) => {
    lastNumber += 1;
    const number = lastNumber;
    const reply = (message: object) => session.send(JSON.stringify(message));
    const rateError = rateLimit();

    reply({ type: 'welcome', you: number, limits: LIMITS, history });
    sendCount();

    session.on('message', (text) => {
      const error = rateError();
      if (error !== undefined) {
        if (error !== '') {
          reply({ type: 'error', message: error });
        }
        return;
      }
      const request = parse(text);
      if (typeof request === 'string') {
        reply({ type: 'error', message: request });
      } else if (request.type === 'ping') {
        reply({ type: 'pong', id: request.id });
      } else {
        const said = { type: 'chat', from: number, at: Date.now(), name: request.name, text: request.text };
        history.push(said);
        history.splice(0, history.length - LIMITS.history);
        sendToAll(said);
      }
    });
    session.on('close', sendCount);
  });
  return chat;
}

/** Parses a message. Returns the error as text where it is invalid. */
function parse(text: string): Request | string {
  const value = parseObject(text);
  if (typeof value === 'string') {
    return value;
  }
  const { type, id, name, text: said } = value;
  if (type === 'ping') {
    return Number.isSafeInteger(id) ? { type, id: id as number } : 'A ping needs a whole number as "id"';
  }
  if (type === 'chat') {
    return isText(name, LIMITS.name) && isText(said, LIMITS.text)
      ? { type, name: name.trim(), text: said.trim() }
      : CHAT_ERROR;
  }
  return 'A message needs "ping" or "chat" as "type"';
}
