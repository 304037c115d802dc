/** A well-behaved client of a cluster: its session is at one process, its stream at another, its sends come to both. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { fetchText } from '../support/http.ts';

/** Where a process takes requests. */
export interface Place {
  readonly port: number;
}

export class HealthyStream {
  readonly #url: string;
  readonly #client: string;
  readonly #places: readonly [owner: Place, relay: Place];
  readonly #received: string[] = [];
  #onReceived = () => {};
  #req: ClientRequest | undefined;
  #sent = 0;
  #last: Promise<void> = Promise.resolve();

  /**
   * @param id the id of its session
   * @param client what the header `X-Client` of its requests says
   */
  constructor(id: string, client: string, places: readonly [owner: Place, relay: Place]) {
    this.#url = `/echo/000/${id}`;
    this.#client = client;
    this.#places = places;
  }

  /** Opens the session at its owner, and the stream at the other process. */
  async open(): Promise<this> {
    const [owner, relay] = this.#places;
    const path = `${this.#url}/xhr`;
    const { body } = await fetchText(`http://127.0.0.1:${owner.port}${path}`, 'POST', { headers: this.#headers });
    assert.equal(body, 'o\n');
    const { port } = relay;
    const options = { host: '127.0.0.1', port, method: 'POST', path: `${this.#url}/xhr_streaming`, agent: false };
    this.#req = request({ ...options, headers: this.#headers }).end();
    const [res] = (await once(this.#req, 'response')) as [IncomingMessage];
    this.#read(res);
    return this;
  }

  /** Sends a message by one of both processes, and waits until it has come back. One at a time. */
  check(text: string): Promise<void> {
    this.#last = this.#last.then(() => this.#exchange(text));
    return this.#last;
  }

  close(): void {
    this.#req?.destroy();
  }

  get #headers(): Record<string, string> {
    return { 'X-Client': this.#client, 'Content-Type': 'text/plain' };
  }

  #read(res: IncomingMessage): void {
    let text = '';
    res.on('error', () => {});
    res.on('close', () => this.#take('the end of the stream'));
    res.on('data', (chunk: Buffer) => {
      text += chunk;
      const frames = text.split('\n');
      text = frames.pop() ?? '';
      for (const frame of frames) {
        // Heartbeats, and the prelude of the transport.
        if (!/^h+$/.test(frame)) {
          this.#take(frame);
        }
      }
    });
  }

  #take(frame: string): void {
    this.#received.push(frame);
    this.#onReceived();
  }

  async #exchange(text: string): Promise<void> {
    const { port } = this.#places[this.#sent % 2] ?? assert.fail();
    this.#sent += 1;
    const body = JSON.stringify([text]);
    const url = `http://127.0.0.1:${port}${this.#url}/xhr_send`;
    const { status } = await fetchText(url, 'POST', { body, headers: this.#headers });
    assert.equal(status, 204, `a send of ${this.#client}`);
    if (this.#received.length === 0) {
      await new Promise<void>((resolve) => {
        this.#onReceived = resolve;
      });
    }
    assert.deepEqual(this.#received.splice(0), [`a${body}`]);
  }
}
