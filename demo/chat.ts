/** The chat room of the demo, which also answers pings. Client and server talk in JSON, one object a message. */
import { type SockjsOptions, type SockjsRouter, sockjs } from '../lib/index.ts';

/** What a stranger may send at most; what is over it is dropped, and the sender is told. */
export const LIMITS = {
  /** Characters of a name. */
  name: 24,
  /** Characters of a chat message. */
  text: 500,
  /** Messages at once. */
  burst: 20,
  /** Messages a second in the long run. */
  perSecond: 5,
  /** Chat messages that newcomers get to see. */
  history: 25,
} as const;

/** What the page sends. */
type Request =
  | { readonly type: 'ping'; readonly id: number }
  | { readonly type: 'chat'; readonly name: string; readonly text: string };

/** A SockJS endpoint where everyone hears what anyone says. */
export function createChat(options: SockjsOptions): SockjsRouter {
  const history: object[] = [];
  let lastNumber = 0;
  const tellAll = (message: object) => chat.broadcast(JSON.stringify(message));
  const tellCount = () => tellAll({ type: 'people', count: chat.sessions.size });

  const bounds = { maxMessageSize: 16_384, maxMessagesPerRequest: 100, maxSendBuffer: 1_048_576, maxSessions: 1_000 };
  const chat: SockjsRouter = sockjs({ ...bounds, ...options }, (session) => {
    lastNumber += 1;
    const number = lastNumber;
    const reply = (message: object) => session.send(JSON.stringify(message));
    const isWithinRate = rateLimit();

    reply({ type: 'welcome', you: number, limits: LIMITS, history });
    tellCount();

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
        tellAll(said);
      }
    });
    session.on('close', tellCount);
  });
  return chat;
}

/** A bucket that holds `burst` messages and fills up again; `just over` is said once, until there is room again. */
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

/** What a message asks for, or what is wrong with it. */
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
