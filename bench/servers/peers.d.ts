/** The parts of the peers' interfaces that the benchmark uses. Their packages are installed only where it runs. */
declare module 'sockjs' {
  import type { Server } from 'node:http';

  export interface Connection {
    readonly protocol: string;
    write(message: string): boolean;
    close(): boolean;
    on(event: 'data', listener: (message: string) => void): this;
    on(event: 'close', listener: () => void): this;
  }
  export interface SockjsServer {
    on(event: 'connection', listener: (connection: Connection) => void): this;
    installHandlers(server: Server): void;
  }
  export function createServer(options: Record<string, unknown>): SockjsServer;
}

declare module 'engine.io' {
  import type { Server } from 'node:http';

  interface Socket {
    send(message: string): this;
    on(event: 'message', listener: (message: string) => void): this;
    on(event: 'close', listener: () => void): this;
  }
  interface EngineServer {
    on(event: 'connection', listener: (socket: Socket) => void): this;
  }
  export function attach(server: Server, options: Record<string, unknown>): EngineServer;
}

declare module '@socket.io/redis-adapter' {
  import type { ServerOptions } from 'socket.io';

  export function createAdapter(publishing: unknown, subscribing: unknown): NonNullable<ServerOptions['adapter']>;
}

declare module '@socket.io/cluster-adapter' {
  import type { ServerOptions } from 'socket.io';

  export function createAdapter(): NonNullable<ServerOptions['adapter']>;
  export function setupPrimary(): void;
}
