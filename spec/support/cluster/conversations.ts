/** Conversations with an endpoint, whose answers are the same from one process and from several. */
import type { SessionHandler, SockjsOptions } from '../../../lib/index.ts';
import { ownHeaders } from '../contract.ts';
import { fetchText } from '../http.ts';
import type { TestServer } from '../test-server.ts';

/** A request: method, path below a session, header lines, body. */
export type Step = readonly [method: string, path: string, headers?: Record<string, string>, body?: string];

const ME = { 'X-User': 'me' };
const OTHER = { 'X-User': 'other' };
const GOOD = { ...ME, Origin: 'http://good.example' };
const BAD = { ...ME, Origin: 'http://bad.example' };

/** Requests that follow one another, by what they are about. Each response ends after one frame. */
export const CONVERSATIONS: Readonly<Record<string, readonly Step[]>> = {
  'authorize refuses the first request, and is not asked again': [
    ['POST', 'a/xhr', { ...ME, 'X-Banned': '1' }],
    ['POST', 'a/xhr_send', ME, '["x"]'],
    ['POST', 'a/xhr', ME],
    ['POST', 'a/xhr_send', { ...ME, 'X-Banned': '1' }, '["asked?"]'],
    ['POST', 'a/xhr', { ...ME, 'X-Banned': '1' }],
    ['POST', 'a/xhr_send', ME, '["bye"]'],
  ],
  'identify keeps others from a session, and from one that has ended': [
    ['POST', 'a/xhr', ME],
    ['POST', 'a/xhr', OTHER],
    ['POST', 'a/xhr_send', OTHER, '["x"]'],
    ['POST', 'a/xhr_send', ME, '["x"]'],
    ['GET', 'a/jsonp?c=callback', ME],
    ['POST', 'a/xhr', ME],
    ['POST', 'a/xhr_send', ME, '["bye"]'],
    ['POST', 'a/xhr', OTHER],
    ['POST', 'a/xhr', ME],
    ['POST', 'a/xhr', OTHER],
    ['POST', 'a/xhr_send', OTHER, '["x"]'],
    ['POST', 'a/xhr_send', ME, '["x"]'],
  ],
  allowedOrigins: [
    ['POST', 'a/xhr', BAD],
    ['POST', 'a/xhr', GOOD],
    ['POST', 'a/xhr_send', BAD, '["x"]'],
    ['POST', 'a/xhr_send', GOOD, '["x"]'],
    ['POST', 'a/xhr', BAD],
    ['POST', 'a/xhr', GOOD],
    ['OPTIONS', 'a/xhr', { ...GOOD, 'Access-Control-Request-Method': 'POST' }],
  ],
  'limits on messages, and bodies that are no messages': [
    ['POST', 'a/xhr', ME],
    ['POST', 'a/xhr_send', ME, JSON.stringify(['x'.repeat(96)])],
    ['POST', 'a/xhr', ME],
    ['POST', 'a/xhr_send', ME, JSON.stringify(['x'.repeat(97)])],
    ['POST', 'a/xhr_send', ME, '["1","2","3"]'],
    ['POST', 'a/xhr', ME],
    ['POST', 'a/xhr_send', ME, '["1","2","3","4"]'],
    ['POST', 'a/xhr_send', ME, ''],
    ['POST', 'a/xhr_send', ME, '["x'],
    ['POST', 'a/xhr_send', ME, '[1]'],
    ['POST', 'a/xhr_send', ME, '[]'],
    ['GET', 'a/xhr_send', ME],
    ['POST', 'a/xhr_send', ME, '["still there"]'],
    ['POST', 'a/xhr', ME],
  ],
  'an id that has ended': [
    ['POST', 'a/xhr', ME],
    ['POST', 'a/xhr_send', ME, '["bye"]'],
    ...['xhr', 'xhr_streaming', 'xhr', 'xhr', 'xhr_streaming'].map((path) => ['POST', `a/${path}`, ME] as const),
    ...['x', 'y', 'z'].map((text) => ['POST', 'a/xhr_send', ME, `["${text}"]`] as const),
    ['GET', 'a/eventsource', ME],
    ['GET', 'a/htmlfile?c=callback', ME],
  ],
  'JSONP and its sends': [
    ['GET', 'a/jsonp?c=callback', ME],
    ['POST', 'a/jsonp_send', { ...ME, 'Content-Type': 'application/x-www-form-urlencoded' }, 'd=%5B%22x%22%5D'],
    ['GET', 'a/jsonp?c=other', ME],
    ['POST', 'a/jsonp_send', { ...ME, 'Content-Type': 'text/plain' }, '["y"]'],
    ['GET', 'a/jsonp', ME],
    ['GET', 'a/jsonp?c=1(', ME],
    ['GET', 'a/jsonp?c=again', ME],
  ],
};

export const STRICT: SockjsOptions = {
  responseLimit: 1,
  maxMessageSize: 100,
  maxMessagesPerRequest: 3,
  allowedOrigins: ['http://good.example'],
  authorize: (req) => req.headers['x-banned'] === undefined,
  identify: (req) => String(req.headers['x-user']),
};

export const echoUntilBye: SessionHandler = (session) => {
  session.on('message', (message) => {
    session.send(message);
    if (message === 'bye') {
      session.close(3000, 'Go away!');
    }
  });
};

/** The answers to a conversation, which is held one request after the other. */
export async function answersTo(steps: readonly Step[], { origin }: TestServer, settle: () => Promise<void>) {
  const answers: unknown[] = [];
  for (const [method, path, headers = {}, body] of steps) {
    const options = { headers, ...(body === undefined ? {} : { body }) };
    const answer = await fetchText(`${origin}/echo/000/${path}`, method, options);
    const { expires, ...own } = ownHeaders(answer.headers);
    // It names the second of the answer.
    answers.push({ step: [method, path, body], ...answer, headers: { ...own, expires: expires !== undefined } });
    await settle();
  }
  return answers;
}
