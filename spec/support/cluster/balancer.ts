/** A load balancer in the process of a spec: it gives consecutive requests of a session to different processes. */
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterTest } from '../cleanup.ts';

/** Where it sends requests. */
export interface Target {
  readonly port: number;
}

const host = '127.0.0.1';

/** Each request has a connection of its own to its process, so that none is reused which that process just closes. */
const agent = new Agent({ keepAlive: false });

export class Balancer {
  readonly #server = createServer((req, res) => void this.#take(req, res));
  /** The processes that take part, in turns. */
  targets: readonly Target[];
  readonly #turns = new Map<string, number>();
  /** Requests whose answer has not begun, by their process. Awaited before a process leaves. */
  readonly #sent = new Map<Target, Set<Promise<void>>>();

  private constructor(targets: readonly Target[]) {
    this.targets = targets;
  }

  static async start(targets: readonly Target[]): Promise<Balancer> {
    const balancer = new Balancer(targets);
    await new Promise<void>((resolve) => balancer.#server.listen(0, host, resolve));
    afterTest(() => {
      balancer.#server.close();
      balancer.#server.closeAllConnections();
    });
    return balancer;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Gives a process no further requests. Settles when it has all connections of those before. */
  async withdraw(target: Target): Promise<void> {
    this.targets = this.targets.filter((other) => other !== target);
    await Promise.all(this.#sent.get(target) ?? []);
  }

  async #take(req: IncomingMessage, res: ServerResponse): Promise<void> {
    try {
      const body = await buffer(req);
      const [, server = ''] = /^(.*)\/\w+(?:\?|$)/.exec(req.url ?? '') ?? [];
      const turn = this.#turns.get(server) ?? 0;
      this.#turns.set(server, turn + 1);
      const target = this.targets[turn % this.targets.length];
      if (target === undefined) {
        res.writeHead(502).end();
      } else {
        this.#forward(target, req, body, res);
      }
    } catch {
      // The client has gone.
      res.destroy();
    }
  }

  #forward(target: Target, { method, url, headers }: IncomingMessage, body: Buffer, res: ServerResponse): void {
    const { connection: _, ...end } = headers;
    const upstream = request({ host, port: target.port, method, path: url, headers: end, agent });
    this.#trackConnection(target, upstream);
    upstream.on('response', (answer) => {
      const { connection: _, 'keep-alive': __, 'transfer-encoding': ___, ...head } = answer.headers;
      res.writeHead(answer.statusCode ?? 502, head);
      answer.on('data', (chunk: Buffer) => res.write(chunk));
      answer.on('end', () => res.end());
      answer.on('error', () => res.destroy());
    });
    upstream.on('error', () => res.destroy());
    res.on('close', () => upstream.destroy());
    upstream.end(body);
  }

  #trackConnection(target: Target, upstream: ReturnType<typeof request>): void {
    const connected = new Promise<void>((resolve) => {
      upstream.on('socket', (socket) => socket.once('connect', () => resolve()));
      upstream.on('close', () => resolve());
    });
    const sent = this.#sent.get(target) ?? new Set();
    this.#sent.set(target, sent.add(connected));
    void connected.then(() => sent.delete(connected));
  }
}
