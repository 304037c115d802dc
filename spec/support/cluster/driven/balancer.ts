/** Gives each connection to the next process, and reports of them as a server of the spec's own would. */
import { once } from 'node:events';
import { createServer, IncomingMessage, ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createNetServer, Socket } from 'node:net';
import { afterTest } from '../../cleanup.ts';
import type { TestServer } from '../../test-server.ts';
import type { Report } from './calls.ts';
import type { DrivenProcess } from './process.ts';

export class DrivenBalancer {
  readonly #processes: readonly DrivenProcess[];
  readonly #beforeEach: () => Promise<void>;
  readonly #listener = createNetServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
    void this.#take(socket);
  });
  /** It listens nowhere: it tells what happens at the processes. */
  readonly #server = createServer();
  /** What stands for connections and responses of the processes, by their ids. */
  readonly #sockets = new Map<number, Socket>();
  readonly #responses = new Map<string, ServerResponse>();
  #connections = 0;
  /** The index of the process that gets the next connection. */
  next = 0;

  private constructor(processes: readonly DrivenProcess[], beforeEach: () => Promise<void>) {
    this.#processes = processes;
    this.#beforeEach = beforeEach;
  }

  /** @param beforeEach called before a process gets a connection */
  static async start(processes: readonly DrivenProcess[], beforeEach: () => Promise<void>): Promise<DrivenBalancer> {
    const balancer = new DrivenBalancer(processes, beforeEach);
    balancer.#listener.listen(0, '127.0.0.1');
    await once(balancer.#listener, 'listening');
    afterTest(() => void balancer.#listener.close());
    return balancer;
  }

  get testServer(): TestServer {
    const { port } = this.#listener.address() as AddressInfo;
    return { server: this.#server, port, origin: `http://127.0.0.1:${port}` };
  }

  onReport(from: DrivenProcess, report: Report): void {
    const key = (id: number) => `${this.#processes.indexOf(from)}:${id}`;
    if (report.type === 'request') {
      const req = new IncomingMessage(this.#sockets.get(report.connection) ?? new Socket());
      req.url = report.url;
      const res = new ServerResponse(req);
      this.#responses.set(key(report.id), res);
      this.#server.emit('request', req, res);
    } else if (report.type === 'response over') {
      this.#responses.get(key(report.id))?.emit('close');
    } else if (report.type === 'connection over') {
      this.#sockets.get(report.id)?.emit('close');
    }
  }

  async #take(socket: Socket): Promise<void> {
    const id = this.#connections++;
    this.#sockets.set(id, new Socket());
    const process = this.#processes[this.next];
    this.next = (this.next + 1) % this.#processes.length;
    await this.#beforeEach();
    process?.tell({ type: 'connection', id }, socket);
  }
}
