/** The chat room of the demo. It also answers pings. Client and server exchange JSON, one object a message. */
import { type SockjsOptions, type SockjsRouter, sockjs } from '../lib/index.ts';

/** Limits on a client. The server drops messages beyond them, and tells the sender. */
export const LIMITS = {
  /** Characters of a name. */
  name: 24,
  /** Characters of a chat message. */
  text: 500,
  /** Messages in one burst. */
  burst: 20,
  /** Messages a second on average. */
  perSecond: 5,
  /** Chat messages that a new client receives. */
  history: 25,
} as const;

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

  const bounds = { maxMessageSize: 16_384, maxMessagesPerRequest: 100, maxSendBuffer: 1_048_576, maxSessions: 1_000 };
  const chat: SockjsRouter = sockjs({ ...bounds, ...options }, (session) => {
    lastNumber += 1;
    const number = lastNumber;
    const reply = (message: object) => session.send(JSON.stringify(message));
    const isWithinRate = rateLimit();

    reply({ type: 'welcome', you: number, limits: LIMITS, history });
    sendCount();

    session.on('message', (text) => {
      const rate = isWithinRate();
      if (rate !== 'within') {
        if (rate === 'just over') {
          reply({ type: 'error', message: `Too fast: at most ${LIMITS.perSecond} messages a second` });
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

/** A token bucket: it holds `burst` messages, and refills. It says `just over` once, until it has a token again. */
function rateLimit(): () => 'within' | 'just over' | 'over' {
  let left: number = LIMITS.burst;
  let last = performance.now();
  let wasOver = false;
  return () => {
    const now = performance.now();
    left = Math.min(LIMITS.burst, left + ((now - last) / 1000) * LIMITS.perSecond);
    last = now;
    if (left < 1) {
      const answer = wasOver ? 'over' : 'just over';
      wasOver = true;
      return answer;
    }
    left -= 1;
    wasOver = false;
    return 'within';
  };
}

/** Parses a message. Returns the error as text where it is invalid. */
function parse(text: string): Request | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'Not JSON';
  }
  if (typeof value !== 'object' || value === null) {
    return 'Not an object';
  }
  const { type, id, name, text: said } = value as Record<string, unknown>;
  if (type === 'ping') {
    return Number.isSafeInteger(id) ? { type, id: id as number } : 'A ping needs a whole number as "id"';
  }
  if (type === 'chat') {
    return isText(name, LIMITS.name) && isText(said, LIMITS.text)
      ? { type, name: name.trim(), text: said.trim() }
      : `A chat message needs a "name" of 1 to ${LIMITS.name} characters and a "text" of 1 to ${LIMITS.text}`;
  }
  return 'A message needs "ping" or "chat" as "type"';
}

function isText(value: unknown, maxLength: number): value is string {
  return typeof value === 'string' && value.trim() !== '' && value.length <= maxLength;
}
