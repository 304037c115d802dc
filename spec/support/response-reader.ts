/** A response read chunk by chunk: each HTTP chunk stays one item, however many arrive at once. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { AsyncQueue } from './async-queue.ts';
import { afterTest } from './cleanup.ts';

export class ResponseReader {
  readonly #chunks = new AsyncQueue<string>();
  /** Settles with the head of the answer. */
  readonly response: Promise<IncomingMessage>;
  /** Settles when the answer has ended; `aborted` tells whether before its time. */
  readonly ended: Promise<{ aborted: boolean }>;
  /** Breaks the connection off. */
  readonly abort: () => void;

  constructor(port: number, path: string, method: 'GET' | 'POST') {
    const req = request({ host: '127.0.0.1', port, path, method, agent: false });
    this.abort = () => req.destroy();
    afterTest(this.abort);
    req.on('error', (error) => this.#chunks.fail(error));
    this.response = once(req, 'response').then(([res]) => res as IncomingMessage);
    this.response.catch(() => {});
    this.ended = new Promise((resolve) => {
      req.on('response', (res) => {
        // Listening in this very call, and without setEncoding(), either of which would join what waits already.
        res.on('data', (chunk: Buffer) => this.#chunks.push(chunk.toString()));
        res.on('error', () => {});
        res.on('close', () => {
          this.#chunks.fail(new Error('the response has ended'));
          resolve({ aborted: !res.complete });
        });
      });
    });
    req.end();
  }

  /** The next chunk of the body, as it came. */
  next(): Promise<string> {
    return this.#chunks.next();
  }
}
