/** The input of hostile clients: HTTP requests and WebSocket frames, from nearly valid to garbage. */
import { handshake } from '../support/http.ts';
import type { Random } from './random.ts';

/** The bytes of one connection. */
export interface Case {
  /** The bytes, in the pieces of each write. */
  readonly pieces: readonly Buffer[];
  /**
   * What the client does after the last write.
   *
   * - `wait`: it waits for the first bytes of a response or for the end, then resets the connection
   * - `end`: it closes its side, and waits for the server
   * - `reset`: it resets the connection immediately
   */
  readonly ending: 'wait' | 'end' | 'reset';
}

const METHODS = [
  'GET',
  'POST',
  'PUT',
  'HEAD',
  'OPTIONS',
  'DELETE',
  'PATCH',
  'TRACE',
  'PROPFIND',
  'get',
  'G\0T',
  'CONNECT',
];
const ENDPOINTS = [
  'xhr',
  'xhr_send',
  'xhr_streaming',
  'eventsource',
  'htmlfile',
  'jsonp',
  'jsonp_send',
  'websocket',
  'XHR',
  'nothing',
];
const IDS = [
  'a',
  'b',
  'c',
  '000',
  'a.b',
  '%61',
  '%2e',
  '%2f',
  '%zz',
  '__proto__',
  'constructor',
  'é',
  '%F0%9F%98%80',
  '',
];
const QUERIES = [
  '',
  '?c=cb',
  '?c=%63b',
  '?c=a.b.c',
  '?c=alert(1)',
  '?c=',
  '?callback=x',
  '?c=a&c=b',
  '?%',
  `?c=${'x'.repeat(200)}`,
];
const CONTENT_TYPES = [
  'text/plain',
  'application/json',
  'application/x-www-form-urlencoded',
  'T',
  'multipart/form-data',
  '',
];
const BODIES = [
  '["x"]',
  '["a","b"]',
  '[]',
  '',
  '"x"',
  '{}',
  '[1]',
  '["x',
  'null',
  'd=%5B%22x%22%5D',
  'd=',
  'd=["x"]&d=["y"]',
  '["\\ud800"]',
  '\u0000',
  '[["x"]]',
];

/** Returns the next random case. */
export function nextCase(random: Random): Case {
  const kind = random.next();
  const bytes = kind < 0.6 ? request(random) : kind < 0.9 ? webSocket(random) : garbage(random);
  const isCut = random.chance(0.1);
  const written = isCut ? bytes.subarray(0, random.below(bytes.length)) : bytes;
  return {
    pieces: split(random, written),
    // The client can wait only after a complete request. The server rightly does not answer an incomplete one.
    ending:
      isCut || kind >= 0.9 ? random.pick(['end', 'reset']) : random.pick(['wait', 'wait', 'wait', 'end', 'reset']),
  };
}

function path(random: Random): string {
  const base = random.chance(0.95) ? random.pick(['/echo', '/strict', '/read']) : random.text(random.below(10));
  const rest = random.pick([
    () => `/${random.pick(IDS)}/${random.pick(IDS)}/${random.pick(ENDPOINTS)}`,
    () => `/${random.pick(['s', 't'])}/${random.pick(['a', 'b', 'c'])}/${random.pick(ENDPOINTS)}`,
    () => random.pick(['', '/', '//', '/info', '/iframe.html', '/iframe-1.html', '/websocket', '/a/websocket']),
    () => `/${random.text(random.below(12))}`,
  ])();
  return `${base}${rest}${random.pick(QUERIES)}`.replace(/[\s\u0080-\u{10ffff}]/gu, (character) =>
    random.chance(0.9) ? encodeURIComponent(character) : 'x',
  );
}

function headers(random: Random): string[] {
  const lines = ['Host: localhost', 'Connection: close'];
  const odd = [
    () => `Origin: ${random.pick(['http://evil.example', 'null', 'http://localhost', '%%%', 'http://[', ''])}`,
    () => `Referer: ${random.pick(['http://evil.example/x', 'http://localhost/', 'not a url', ''])}`,
    () =>
      `Cookie: ${random.pick(['JSESSIONID=abc', 'JSESSIONID="a b"', 'JSESSIONID=a;JSESSIONID=b', '=;;=', 'a=%zz'])}`,
    () => `Access-Control-Request-Headers: ${random.pick(['x', '', 'a, b', 'é'])}`,
    () => `Content-Type: ${random.pick(CONTENT_TYPES)}${random.pick(['', ';charset=utf-8', '; charset=nonsense'])}`,
    () => `Upgrade: ${random.pick(['websocket', 'h2c', 'WebSocket, h2c', ''])}`,
    () => 'Connection: Upgrade',
    () => `Expect: ${random.pick(['100-continue', 'nonsense'])}`,
    () => `Sec-WebSocket-Version: ${random.pick(['13', '8', '99', ''])}`,
    () => `Sec-Fetch-Site: ${random.pick(['same-origin', 'cross-site'])}`,
    () => `If-None-Match: ${random.pick(['*', '"x"', 'W/"', ','])}`,
    () => `X-Odd: ${random.text(20).replace(/[^ -~]/g, '')}`,
  ];
  for (let i = random.below(5); i > 0; i -= 1) {
    lines.push(random.pick(odd)());
  }
  return lines;
}

function request(random: Random): Buffer {
  const method = random.chance(0.8) ? random.pick(['GET', 'POST', 'OPTIONS']) : random.pick(METHODS);
  const body = random.chance(0.9) ? Buffer.from(random.pick(BODIES)) : random.bytes(random.below(200));
  const lines = [`${method} ${path(random)} HTTP/1.${random.chance(0.95) ? 1 : 0}`, ...headers(random)];
  const framing = random.next();
  let payload = body;
  if (framing < 0.7) {
    lines.push(`Content-Length: ${body.length}`);
  } else if (framing < 0.85) {
    lines.push('Transfer-Encoding: chunked');
    payload = Buffer.concat([
      ...(body.length > 0 ? [Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n')] : []),
      Buffer.from('0\r\n\r\n'),
    ]);
  } else if (framing < 0.9) {
    lines.push(`Content-Length: ${random.pick(['-1', 'x', '0', '1e3', ''])}`);
    payload = Buffer.alloc(0);
  } else {
    payload = Buffer.alloc(0);
  }
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), payload]);
}

function webSocket(random: Random): Buffer {
  const target = random.chance(0.8)
    ? `${random.pick(['/echo', '/strict', '/read'])}${random.pick(['/s/w/websocket', '/websocket'])}`
    : path(random);
  const extra = random.chance(0.3) ? headers(random).slice(2) : [];
  const opening = Buffer.from(handshake(target.replaceAll(' ', ''), ...extra).join('\r\n'), 'latin1');
  const frames = Array.from({ length: random.below(6) }, () => frame(random));
  return Buffer.concat([opening, ...frames]);
}

/** Returns a frame of a client: valid, or with any field wrong. */
function frame(random: Random): Buffer {
  const payload = random.chance(0.7)
    ? Buffer.from(random.pick([...BODIES, '"single"', '', '["1","2","3"]', '[""]']))
    : random.bytes(random.below(300));
  const opcode = random.chance(0.7) ? 1 : random.below(16);
  const isFinal = random.chance(0.85);
  const reserved = random.chance(0.05) ? random.below(8) : 0;
  const isMasked = random.chance(0.95);
  const head = [(isFinal ? 0x80 : 0) | (reserved << 4) | opcode];
  const claimed = random.chance(0.03) ? random.pick([0, 125, 126, 65_535, 2 ** 31]) : payload.length;
  if (claimed < 126) {
    head.push((isMasked ? 0x80 : 0) | claimed);
  } else if (claimed < 65_536) {
    head.push((isMasked ? 0x80 : 0) | 126, claimed >> 8, claimed & 0xff);
  } else {
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(claimed));
    head.push((isMasked ? 0x80 : 0) | 127, ...length);
  }
  const mask = random.bytes(4);
  const body = isMasked ? payload.map((byte, i) => byte ^ (mask[i % 4] ?? 0)) : payload;
  return Buffer.concat([Buffer.from(head), ...(isMasked ? [mask] : []), body]);
}

function garbage(random: Random): Buffer {
  return random.pick([
    () => random.bytes(random.below(400)),
    () => Buffer.from(`GET ${'/'.repeat(random.below(20_000))} HTTP/1.1\r\nHost: x\r\n\r\n`),
    () => Buffer.from(`GET /echo HTTP/1.1\r\n${'X: y\r\n'.repeat(random.below(3000))}\r\n`),
    () => Buffer.from('GET /echo/info HTTP/9.9\r\n\r\n'),
    () => Buffer.from(`${random.text(30)}\r\n\r\n`),
    () => Buffer.concat([request(random), request(random), webSocket(random)]),
  ])();
}

/** Splits the bytes into pieces; usually there is one. */
function split(random: Random, bytes: Buffer): Buffer[] {
  if (bytes.length < 2 || random.chance(0.7)) {
    return [bytes];
  }
  const at = 1 + random.below(bytes.length - 1);
  return [bytes.subarray(0, at), bytes.subarray(at)];
}
