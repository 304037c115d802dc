/** The chat room of several processes. Each process tells the pages at all of them of itself and of its people. */
import { type Session, type SockjsOptions, type SockjsRouter, sockjs } from '../../lib/index.ts';
import { BOUNDS, CHAT_ERROR, isText, LIMITS, parseObject, rateLimit } from '../chat-protocol.ts';

const ROOM = 'chat';

/** People of whom a process tells the names. */
const LISTED_PEOPLE = 20;

/** A message of the page. Its first one says its name. */
type Request =
  | { readonly type: 'name'; readonly name: string }
  | { readonly type: 'chat'; readonly name: string; readonly text: string };

/** The endpoint of one process. */
export interface ClusterChat {
  readonly router: SockjsRouter;
  /** Tells the pages at all processes of this one. */
  readonly announce: () => void;
  /** Tells the pages at this process which processes there are, as it knows. */
  readonly tellNodes: () => void;
}

/** What a page is told of the process that holds its session. */
export interface ProcessInfo {
  /** A letter, which a process keeps that replaces another one. */
  readonly name: string;
  /** What the option `cluster` was given, for people. */
  readonly adapter: string;
}

/** Returns the endpoint of a process. */
export function createClusterChat({ name, adapter }: ProcessInfo, options: SockjsOptions): ClusterChat {
  const { pid } = process;
  const startedAt = Date.now();
  const people = new Map<Session, string>();
  let lastNumber = 0;

  const router: SockjsRouter = sockjs({ ...BOUNDS, ...options }, (session) => {
    lastNumber += 1;
    const from = `${pid}-${lastNumber}`;
    const reply = (message: object) => session.send(JSON.stringify(message));
    const rateError = rateLimit();

    reply({ type: 'welcome', you: from, process: name, pid, adapter, nodes: nodes() });

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
        return;
      }
      session.join(ROOM);
      if (people.get(session) !== request.name) {
        people.set(session, request.name);
        announce();
      }
      if (request.type === 'chat') {
        const said = { type: 'chat', from, at: Date.now(), name: request.name, text: request.text, process: name };
        // To the people at all processes.
        router.to(ROOM).send(JSON.stringify(said));
      }
    });
    session.on('close', () => {
      people.delete(session);
      announce();
    });
  });

  const nodeId = () => router.cluster?.nodeId ?? 'alone';
  const nodes = () => [nodeId(), ...(router.cluster?.peers ?? [])];
  const announce = () => {
    router.broadcast(
      JSON.stringify({
        type: 'process',
        process: name,
        pid,
        node: nodeId(),
        startedAt,
        people: [...people.values()].slice(0, LISTED_PEOPLE),
        here: people.size,
        everywhere: router.to(ROOM).count(),
      }),
    );
  };
  const tellNodes = () => {
    router.broadcast(JSON.stringify({ type: 'nodes', nodes: nodes() }), { local: true });
  };
  return { router, announce, tellNodes };
}

/** Parses a message. Returns the error as text where it is invalid. */
function parse(text: string): Request | string {
  const value = parseObject(text);
  if (typeof value === 'string') {
    return value;
  }
  const { type, name, text: said } = value;
  if (type === 'name') {
    return isText(name, LIMITS.name) ? { type, name: name.trim() } : `A "name" has 1 to ${LIMITS.name} characters`;
  }
  if (type === 'chat') {
    return isText(name, LIMITS.name) && isText(said, LIMITS.text)
      ? { type, name: name.trim(), text: said.trim() }
      : CHAT_ERROR;
  }
  return 'A message needs "name" or "chat" as "type"';
}
