/**
 * The network between the processes of an endpoint and their Redis, as proxies of the spec. It can be cut, which both
 * ends notice, and partitioned, which neither does: nothing comes through any more, not even a reset.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Changes } from '../changes.ts';
import { afterTest } from '../cleanup.ts';
import { freePort } from '../programs.ts';

const host = '127.0.0.1';

/** A process by its number, or Redis. */
export type Place = number | 'redis';

/** How a process is connected to the network. */
export interface Wires {
  readonly redisPort: number;
  readonly link: { readonly port: number; readonly advertise: string };
}

/** A connection by way of the network. */
class Route {
  readonly from: Place;
  readonly to: Place;
  readonly #ends: readonly [Socket, Socket];
  #isHeld = false;

  constructor(from: Place, to: Place, accepted: Socket, dialled: Socket) {
    this.from = from;
    this.to = to;
    this.#ends = [accepted, dialled];
    for (const [end, other] of [
      [accepted, dialled],
      [dialled, accepted],
    ] as const) {
      end.setNoDelay(true);
      end.on('error', () => {});
      end.on('data', (chunk) => other.write(chunk));
      end.on('close', () => {
        if (!this.#isHeld) {
          other.destroy();
        }
      });
    }
  }

  get isOpen(): boolean {
    return this.#ends.every(({ destroyed }) => !destroyed);
  }

  isBetween(a: Place, b: Place): boolean {
    return (this.from === a && this.to === b) || (this.from === b && this.to === a);
  }

  hold(): void {
    this.#isHeld = true;
    for (const end of this.#ends) {
      end.pause();
    }
  }

  /** What was written meanwhile comes through, and the end of the connection where there was one. */
  release(): void {
    this.#isHeld = false;
    for (const end of this.#ends) {
      end.resume();
    }
    if (!this.isOpen) {
      this.cut();
    }
  }

  cut(): void {
    for (const end of this.#ends) {
      end.resetAndDestroy();
    }
  }
}

export class Network {
  readonly #redisPort: number;
  #processes = 0;
  readonly #routes = new Set<Route>();
  readonly #partitions = new Set<string>();
  /** The processes that have dialled, by the ports of their ends. */
  readonly #diallers = new Map<number, number>();
  readonly #changes = new Changes();

  constructor(redisPort: number) {
    this.#redisPort = redisPort;
    afterTest(() => this.heal());
  }

  /** Connects the next process. */
  async connect(): Promise<Wires> {
    const self = this.#processes++;
    const linkPort = await freePort();
    const redisPort = await this.#listen(async (socket) => this.#join(self, 'redis', socket, this.#redisPort));
    const advertised = await this.#listen(async (socket) => {
      const port = socket.remotePort ?? 0;
      await this.#changes.until(() => this.#diallers.has(port), 'the process that has dialled');
      const from = this.#diallers.get(port) ?? assert.fail();
      this.#diallers.delete(port);
      this.#join(from, self, socket, linkPort);
    });
    return { redisPort, link: { port: linkPort, advertise: `${host}:${advertised}` } };
  }

  /** A process has dialled another one from this port. */
  hasDialled(from: number, port: number): void {
    this.#diallers.set(port, from);
    this.#changes.notify();
  }

  /** The links that are open, in the order of processes. */
  get links(): readonly Route[] {
    return [...this.#routes]
      .filter(({ isOpen, to }) => isOpen && to !== 'redis')
      .sort((a, b) => Number(a.from) - Number(b.from) || Number(a.to) - Number(b.to));
  }

  /** From now on nothing comes through between a place and others. */
  partition(place: Place, others: readonly Place[]): void {
    for (const other of others) {
      this.#partitions.add(keyOf(place, other));
      for (const route of this.#routes) {
        if (route.isBetween(place, other)) {
          route.hold();
        }
      }
    }
  }

  /** Ends all partitions. */
  heal(): void {
    this.#partitions.clear();
    for (const route of this.#routes) {
      route.release();
    }
  }

  async #listen(take: (socket: Socket) => Promise<void>): Promise<number> {
    const server = createServer({ pauseOnConnect: true }, (socket) => {
      socket.on('error', () => {});
      // Rejects where the test is over.
      take(socket).catch(() => socket.destroy());
    });
    server.listen(0, host);
    await once(server, 'listening');
    afterTest(() => {
      server.close();
      for (const route of this.#routes) {
        route.cut();
      }
    });
    return (server.address() as AddressInfo).port;
  }

  #join(from: Place, to: Place, accepted: Socket, port: number): void {
    const route = new Route(from, to, accepted, connect(port, host));
    this.#routes.add(route);
    if (this.#partitions.has(keyOf(from, to))) {
      route.hold();
    } else {
      accepted.resume();
    }
    accepted.once('close', () => {
      if (!route.isOpen && !this.#partitions.has(keyOf(from, to))) {
        this.#routes.delete(route);
      }
    });
  }
}

function keyOf(a: Place, b: Place): string {
  return [a, b].sort().join(' and ');
}
