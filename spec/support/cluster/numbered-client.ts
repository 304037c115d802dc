/** A client of one HTTP session, which polls or streams until the session ends, and checks what a client can check. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { afterTest } from '../cleanup.ts';
import type { HttpReceiver } from '../contract.ts';
import { type Answer, post } from '../http.ts';
import { FRAME_ENDS } from '../transport-cases.ts';
import { NumberedSession } from './numbered-session.ts';

/** What browsers send from a page of the server itself. Without it, scripts and frames are refused by `same-origin`. */
const SAME_ORIGIN = { 'Sec-Fetch-Site': 'same-origin' };

/** Where each request goes. */
export type Route = () => { readonly port: number };

/** The header by which a proxy of the specs says which process has answered. */
export const SERVED_BY = 'x-served-by';

export class NumberedClient extends NumberedSession {
  /** Where further requests go. */
  route: Route;
  /** Whether it asks again where the owner cannot be reached, and does not end. */
  isInsistent = false;
  readonly transport: HttpReceiver;
  #abort: () => void = () => {};
  #isOver = false;
  #isReceiving = false;

  constructor(transport: HttpReceiver, route: Route, id = `${transport.name}-${randomUUID()}`) {
    super(id);
    this.transport = transport;
    this.route = route;
    afterTest(() => this.abort());
  }

  /** Breaks off the request that is open, and makes no other. */
  abort(): void {
    this.#isOver = true;
    this.#abort();
  }

  /** Receives from now on, request after request. Settles when the session is open. */
  async open(): Promise<this> {
    this.start();
    await this.opened();
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

  /** Sends messages in one request. */
  send(...texts: readonly string[]): Promise<Answer> {
    const { sendEndpoint } = this.transport;
    const url = `http://127.0.0.1:${this.route().port}/echo/000/${this.id}/${sendEndpoint}`;
    const headers = { ...SAME_ORIGIN, 'Content-Type': 'text/plain' };
    return post(url, JSON.stringify(texts), headers);
  }

  /** Ends the session as a client does whose send was refused: it breaks off what it receives. */
  leave(): void {
    this.end ??= { kind: 'left' };
    this.#abort();
    this.changes.notify();
  }

  /** Sends a message, and settles when it has come back. */
  echoes(text: string): Promise<void> {
    return this.comesBack(text, async () => {
      const { status } = await this.send(text);
      assert.ok(status === 200 || status === 204, `the send got ${status}`);
    });
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
    this.changes.notify();
  }

  async #receiveOnce(): Promise<void> {
    const { method, endpoint, prelude } = this.transport;
    const path = `/echo/000/${this.id}/${endpoint}`;
    const to = { host: '127.0.0.1', port: this.route().port };
    const req = request({ ...to, method, path, headers: SAME_ORIGIN, agent: false });
    this.#abort = () => req.destroy();
    req.end();
    this.#isReceiving = true;
    this.changes.notify();
    const [res] = (await once(req, 'response')) as [IncomingMessage];
    req.on('error', () => {});
    this.servedBy ??= String(res.headers[SERVED_BY]);
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
      this.takeFrame(this.transport.unwrap(text));
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
      this.takeFrame(this.transport.unwrap(rest.slice(0, at + end.length)));
      rest = rest.slice(at + end.length);
    }
    return rest;
  }
}
