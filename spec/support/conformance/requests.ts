/** What the tests of the protocol definition ask again and again, and expect of every answer. */
import assert from 'node:assert/strict';
import { type Answer, fetchText, post } from '../http.ts';

/** What a protocol server serves, by its paths. */
export interface Services {
  /** As in `http://127.0.0.1:1234`. */
  readonly origin: () => string;
  /** The address of a service. */
  at(service: string): string;
  /** The address of a session that no other test uses. */
  session(service?: string): string;
}

const NOT_CACHED = 'no-store, no-cache, no-transform, must-revalidate, max-age=0';

/** The headers of what clients send. */
export const TEXT = { 'Content-Type': 'text/plain' };

export function assertNotCached({ headers }: Answer): void {
  assert.equal(headers['cache-control'], NOT_CACHED);
  assert.equal(headers.expires, undefined);
  assert.equal(headers['last-modified'], undefined);
}

export function assertCors({ headers }: Answer, origin?: string): void {
  assert.equal(headers['access-control-allow-origin'], origin ?? '*');
  assert.equal(headers['access-control-allow-credentials'], origin === undefined ? undefined : 'true');
}

export async function assertOptions(url: string, methods: string): Promise<void> {
  for (const origin of ['http://a.example', 'null']) {
    const answer = await fetchText(url, 'OPTIONS', { headers: { Origin: origin } });
    assert.ok(answer.status === 200 || answer.status === 204);
    assert.match(String(answer.headers['cache-control']), /public/);
    assert.match(String(answer.headers['cache-control']), /max-age=[1-9][0-9]{6}/);
    assert.ok(answer.headers.expires);
    assert.ok(Number(answer.headers['access-control-max-age']) > 1_000_000);
    assert.equal(answer.headers['access-control-allow-methods'], methods);
    assert.equal(answer.body, '');
    assertCors(answer, origin);
  }
}

export async function poll(url: string): Promise<{ status: number; body: string }> {
  const { status, body } = await post(`${url}/xhr`);
  return { status, body };
}

export async function send(url: string, ...messages: string[]): Promise<void> {
  const { status, body } = await post(`${url}/xhr_send`, JSON.stringify(messages), TEXT);
  assert.deepEqual([status, body], [204, '']);
}
