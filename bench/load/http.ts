/**
 * A minimal HTTP client on one keep-alive connection. It writes bytes and parses responses, whole or piece by piece.
 */
import type { Socket } from 'node:net';
import { dial } from './dial.ts';
import { show } from './load.ts';
import type { Port } from './protocol.ts';
import { Unread } from './unread.ts';

const EMPTY = Buffer.alloc(0);

/** What is missing of a body: a number of bytes, or all chunks up to the last one. */
type Remaining = { bytes: number } | 'chunks';

/** A complete response. */
export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

export class HttpConnection {
  readonly socket: Socket;
  /** Called for each complete response. */
  onAnswer: (status: number, body: Buffer) => void = unexpected;
  /** Called for each piece of a body. Where it is set, `onAnswer` gets an empty body. */
  onPiece: ((piece: Buffer) => void) | undefined;
  readonly #unread = new Unread();
  /** Bytes that the chunk takes which is incomplete. */
  #need = 0;
  #status = 0;
  #remaining: Remaining | undefined;
  #body: Buffer[] = [];
  #isClosing = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay();
    socket.on('data', (chunk: Buffer) => this.#feed(chunk));
    socket.on('close', () => {
      if (!this.#isClosing) {
        throw new Error('the server closed a connection');
      }
    });
  }

  static open(port: Port): Promise<HttpConnection> {
    return new Promise((resolve) => {
      const connection = new HttpConnection(dial(port, () => resolve(connection)));
    });
  }

  /** Sends a request, and settles with its response. No other may be due. */
  ask(request: Buffer): Promise<Answer> {
    return new Promise((resolve) => {
      this.onAnswer = (status, body) => {
        this.onAnswer = unexpected;
        resolve({ status, body });
      };
      this.socket.write(request);
    });
  }

  close(): void {
    this.#isClosing = true;
    this.socket.destroy();
  }

  /** Ends the connection, and settles when the server has ended it as well. */
  end(): Promise<void> {
    return new Promise((resolve) => {
      this.#isClosing = true;
      this.socket.once('close', () => resolve());
      this.socket.end();
    });
  }

  #feed(chunk: Buffer): void {
    let bytes = this.#unread.add(chunk) ?? EMPTY;
    while (bytes.length > 0) {
      this.#need = 0;
      const next = this.#remaining === undefined ? this.#readHead(bytes) : this.#readBody(bytes, this.#remaining);
      if (next === 0) {
        this.#unread.keep(bytes, this.#need);
        return;
      }
      bytes = bytes.subarray(next);
    }
  }

  /** Returns the bytes that the head takes, 0 if it is incomplete. */
  #readHead(bytes: Buffer): number {
    const end = bytes.indexOf('\r\n\r\n');
    if (end === -1) {
      return 0;
    }
    const head = bytes.toString('latin1', 0, end + 2);
    this.#status = Number(head.slice(9, 12));
    if (!head.startsWith('HTTP/1.1 ') || /\r\nconnection: close\r\n/i.test(head)) {
      throw new Error(`not an answer on a keep-alive connection: ${show(bytes)}`);
    }
    if (/\r\ntransfer-encoding: chunked\r\n/i.test(head)) {
      this.#remaining = 'chunks';
      return end + 4;
    }
    const length = this.#status === 204 ? '0' : /\r\ncontent-length: (\d+)\r\n/i.exec(head)?.[1];
    if (length === undefined) {
      throw new Error(`an answer without a length: ${show(bytes)}`);
    }
    if (length === '0') {
      this.#answer();
    } else {
      this.#remaining = { bytes: Number(length) };
    }
    return end + 4;
  }

  /** Returns the bytes that were read of the body, 0 if more are needed. */
  #readBody(bytes: Buffer, remaining: Remaining): number {
    if (remaining === 'chunks') {
      return this.#readChunk(bytes);
    }
    const piece = bytes.subarray(0, remaining.bytes);
    this.#take(piece);
    remaining.bytes -= piece.length;
    if (remaining.bytes === 0) {
      this.#answer();
    }
    return piece.length;
  }

  #readChunk(bytes: Buffer): number {
    const lineEnd = bytes.indexOf('\r\n');
    if (lineEnd === -1) {
      return 0;
    }
    const length = Number.parseInt(bytes.toString('latin1', 0, lineEnd), 16);
    const start = lineEnd + 2;
    const end = start + length;
    if (Number.isNaN(length)) {
      throw new Error(`no chunk: ${show(bytes)}`);
    }
    if (bytes.length < end + 2) {
      this.#need = end + 2;
      return 0;
    }
    if (length > 0) {
      this.#take(bytes.subarray(start, end));
    } else {
      this.#answer();
    }
    return end + 2;
  }

  #take(piece: Buffer): void {
    if (this.onPiece === undefined) {
      this.#body.push(piece);
    } else {
      this.onPiece(piece);
    }
  }

  #answer(): void {
    const [first = EMPTY] = this.#body;
    const body = this.#body.length < 2 ? first : Buffer.concat(this.#body);
    this.#body = [];
    this.#remaining = undefined;
    this.onAnswer(this.#status, body);
  }
}

function unexpected(status: number, body: Buffer): never {
  throw new Error(`an answer when none was due: ${status} ${show(body)}`);
}

/** @throws Error for any other answer than the one that is due */
export function expectAnswer({ status, body }: Answer, dueStatus: number, dueBody: string): void {
  if (status !== dueStatus || body.toString('latin1') !== dueBody) {
    throw new Error(`got ${status} ${show(body)}, not ${dueStatus} ${JSON.stringify(dueBody)}`);
  }
}

/** Returns the bytes of a request: a POST where there is a body, else a GET. */
export function requestOf(path: string, body?: string, type = 'text/plain'): Buffer {
  const head = `${body === undefined ? 'GET' : 'POST'} ${path} HTTP/1.1\r\nHost: localhost\r\n`;
  return Buffer.from(
    body === undefined
      ? `${head}\r\n`
      : `${head}Content-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
