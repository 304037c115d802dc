/** Handshakes (RFC 6455, section 4.2). Extensions have files of their own. */
import { type CaseGroup, text } from '../frame-case.ts';

function withHeaders(...lines: readonly string[]) {
  return { name: lines.join(' | '), headers: lines, segments: [text('a')] };
}

export const HANDSHAKES: readonly CaseGroup[] = [
  {
    title: 'the first subprotocol is agreed on',
    cases: [
      withHeaders('Sec-WebSocket-Protocol: a'),
      withHeaders('Sec-WebSocket-Protocol: a, b'),
      withHeaders('Sec-WebSocket-Protocol: a,b,c'),
      withHeaders('Sec-WebSocket-Protocol: a', 'Sec-WebSocket-Protocol: b'),
    ],
  },
  {
    title: 'headers that ws ignores change nothing',
    cases: [
      withHeaders('Origin: null'),
      withHeaders('Origin: http://example.com'),
      withHeaders('Connection: keep-alive'),
      withHeaders('Content-Length: 0'),
      withHeaders('Expect: 100-continue'),
      withHeaders('Cookie: a=b'),
    ],
  },
  {
    title: 'a bad handshake is refused',
    cases: [
      withHeaders('Sec-WebSocket-Protocol: a, a'),
      withHeaders('Sec-WebSocket-Protocol: ,'),
      withHeaders('Sec-WebSocket-Protocol: a b'),
      withHeaders('Sec-WebSocket-Protocol:'),
      withHeaders('Sec-WebSocket-Version: 8'),
      withHeaders('Sec-WebSocket-Key: x'),
    ].map((one) => ({ ...one, outcome: 'refused' })),
  },
];
