/** Reads a response chunk by chunk. Each HTTP chunk is one item, even if several arrive together. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { AsyncQueue } from './async-queue.ts';
import { afterTest } from './cleanup.ts';

export class ResponseReader {
  readonly #chunks = new AsyncQueue<string>();
  /** Settles with the head of the response. */
  readonly response: Promise<IncomingMessage>;
  /** Settles when the response has ended. `aborted` is true if the connection broke before its end. */
  readonly ended: Promise<{ aborted: boolean }>;
  /** Aborts the connection. */
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
        // Listening later, or setEncoding(), would join chunks that are already buffered.
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

  /** Settles with the next chunk of the body. */
  next(): Promise<string> {
    return this.#chunks.next();
  }
}
