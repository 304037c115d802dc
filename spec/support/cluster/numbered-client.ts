/** A client of one HTTP session, which polls or streams until the session ends, and checks what a client can check. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { Changes } from '../changes.ts';
import { afterTest } from '../cleanup.ts';
import type { HttpReceiver } from '../contract.ts';
import { type Answer, post } from '../http.ts';
import { FRAME_ENDS } from '../transport-cases.ts';

/** How a client has learned that its session has ended. */
export type ClientEnd =
  | { readonly kind: 'closed'; readonly code: number; readonly reason: string }
  | { readonly kind: 'answered'; readonly status: number; readonly retryAfter: string | undefined }
  | { readonly kind: 'cut' }
  /** It has left by itself: a send got 404, after which no client goes on. */
  | { readonly kind: 'left' };

/** Where each request goes. */
export type Route = () => { readonly port: number };

export class NumberedClient {
  readonly id: string;
  /** Messages, in the order of their arrival. */
  readonly received: string[] = [];
  /** Undefined until the session has ended. */
  end: ClientEnd | undefined;
  /** Where further requests go. */
  route: Route;
  /** Whether it asks again where the owner cannot be reached, and does not end. */
  isInsistent = false;
  readonly transport: HttpReceiver;
  readonly #changes = new Changes();
  #opens = 0;
  #abort: () => void = () => {};
  #isOver = false;
  #isReceiving = false;

  constructor(transport: HttpReceiver, route: Route, id = `${transport.name}-${randomUUID()}`) {
    this.transport = transport;
    this.route = route;
    this.id = id;
    afterTest(() => this.abort());
  }

  /** Breaks off the request that is open, and makes no other. */
  abort(): void {
    this.#isOver = true;
    this.#abort();
  }

  get isOpen(): boolean {
    return this.#opens > 0;
  }

  /** Receives from now on, request after request. Settles when the session is open. */
  async open(): Promise<this> {
    this.start();
    await this.until(() => this.isOpen || this.end !== undefined, 'the open frame');
    assert.equal(this.end, undefined);
    return this;
  }

  /** Receives from now on, whether the session opens or not. */
  start(): this {
    void this.#receive();
    return this;
  }

  /** Settles once a request waits for the next message. */
  receives(): Promise<void> {
    return this.until(() => this.#isReceiving, 'a receiving request');
  }

  /** Settles once the condition holds. */
  until(holds: () => boolean, what: string): Promise<void> {
    return this.#changes.until(
      holds,
      () => `${what} at ${this.id}; it has ${this.received.length} messages, ended: ${JSON.stringify(this.end)}`,
    );
  }

  /** Settles with how the session has ended. */
  async ended(): Promise<ClientEnd> {
    await this.until(() => this.end !== undefined, 'its end');
    return this.end ?? assert.fail();
  }

  /** Sends messages in one request. */
  send(...texts: readonly string[]): Promise<Answer> {
    const { sendEndpoint } = this.transport;
    const url = `http://127.0.0.1:${this.route().port}/echo/000/${this.id}/${sendEndpoint}`;
    const headers = { 'Content-Type': 'text/plain' };
    return post(url, JSON.stringify(texts), headers);
  }

  /** Ends the session as a client does whose send was refused: it breaks off what it receives. */
  leave(): void {
    this.end ??= { kind: 'left' };
    this.#abort();
    this.#changes.notify();
  }

  /** Sends a message, and settles when it has come back. */
  async echoes(text: string): Promise<void> {
    const before = this.received.length;
    const { status } = await this.send(text);
    assert.ok(status === 200 || status === 204, `the send got ${status}`);
    await this.until(() => this.received.length > before || this.end !== undefined, `the message ${text}`);
    assert.deepEqual([this.received.slice(before), this.end], [[text], undefined]);
  }

  async #receive(): Promise<void> {
    try {
      while (this.end === undefined && !this.#isOver) {
        await this.#receiveOnce();
      }
    } catch (error) {
      if (error instanceof assert.AssertionError) {
        // Nothing awaits this: the test that runs fails.
        throw error;
      }
      this.end ??= { kind: 'cut' };
    }
    this.#changes.notify();
  }

  async #receiveOnce(): Promise<void> {
    const { method, endpoint, prelude } = this.transport;
    const path = `/echo/000/${this.id}/${endpoint}`;
    const req = request({ host: '127.0.0.1', port: this.route().port, method, path, agent: false });
    this.#abort = () => req.destroy();
    req.end();
    this.#isReceiving = true;
    this.#changes.notify();
    const [res] = (await once(req, 'response')) as [IncomingMessage];
    req.on('error', () => {});
    if (res.statusCode !== 200) {
      res.resume();
      const { statusCode: status = 0, headers } = res;
      if (status === 503 && this.isInsistent) {
        return;
      }
      this.end = { kind: 'answered', status, retryAfter: headers['retry-after'] };
      return;
    }
    let text = '';
    let skipped = prelude === undefined ? 0 : prelude.length;
    for await (const chunk of res) {
      text += String(chunk);
      if (text.length >= skipped) {
        text = this.#takeFrames(text.slice(skipped));
        skipped = 0;
      }
    }
    this.#isReceiving = false;
    if (text !== '') {
      this.#takeFrame(text);
    }
  }

  /** Takes whole frames of a stream, and returns the rest. */
  #takeFrames(text: string): string {
    const end = FRAME_ENDS[this.transport.name];
    let rest = text;
    for (let at = 0; end !== undefined; ) {
      at = rest.indexOf(end);
      if (at < 0) {
        break;
      }
      this.#takeFrame(rest.slice(0, at + end.length));
      rest = rest.slice(at + end.length);
    }
    return rest;
  }

  #takeFrame(wrapped: string): void {
    const frame = this.transport.unwrap(wrapped);
    if (frame === 'o') {
      this.#opens += 1;
      assert.equal(this.#opens, 1, 'a second open frame');
    } else if (frame.startsWith('a')) {
      this.received.push(...(JSON.parse(frame.slice(1)) as string[]));
    } else if (frame.startsWith('c')) {
      const [code, reason] = JSON.parse(frame.slice(1)) as [number, string];
      this.end = { kind: 'closed', code, reason };
    } else {
      assert.equal(frame, 'h');
    }
    this.#changes.notify();
  }
}
