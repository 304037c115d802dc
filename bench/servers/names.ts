/** The compared servers: their names, titles, and the framing of their WebSockets. */
import type { DialectName } from '../load/protocol.ts';

interface Entry {
  readonly title: string;
  readonly dialect: DialectName;
  readonly pollsRace: boolean;
}

export const SERVERS = {
  'ours-express': { title: 'express-sockjs in an Express 5 app', dialect: 'sockjs', pollsRace: false },
  'ours-bare': { title: 'express-sockjs as a bare listener', dialect: 'sockjs', pollsRace: false },
  'ours-cluster': { title: 'express-sockjs bare, `cluster` in memory', dialect: 'sockjs', pollsRace: false },
  'ours-redis': { title: 'express-sockjs bare, `cluster` with Redis', dialect: 'sockjs', pollsRace: false },
  ws: { title: 'floor: `ws`', dialect: 'plain', pollsRace: false },
  prepared: { title: 'floor: one prepared frame to raw sockets', dialect: 'plain', pollsRace: false },
  http: { title: 'floor: `node:http`', dialect: 'plain', pollsRace: false },
  express: { title: 'floor: routes in an Express 5 app', dialect: 'plain', pollsRace: false },
  sockjs: { title: 'npm `sockjs`', dialect: 'sockjs', pollsRace: false },
  engine: { title: '`engine.io`', dialect: 'engine', pollsRace: false },
  // One goroutine ends the response, another detaches the poll.
  'sockjs-go': { title: 'sockjs-go v3', dialect: 'sockjs', pollsRace: true },
} as const satisfies Record<string, Entry>;

export type ServerName = keyof typeof SERVERS;

/** The servers of this package. */
export const OURS = ['ours-express', 'ours-bare'] as const satisfies readonly ServerName[];

/** This package as a bare listener in a cluster of one process. They run only where `--servers` names them. */
export const CLUSTERED = ['ours-cluster', 'ours-redis'] as const satisfies readonly ServerName[];
