/** The compared servers: their names, titles, and the framing of their WebSockets. */
import type { DialectName } from '../load/protocol.ts';
import type { GroupSettings } from './group-settings.ts';
import type { WorkersSettings } from './workers-settings.ts';

interface Entry {
  readonly title: string;
  readonly dialect: DialectName;
  readonly pollsRace: boolean;
  /** The program, where it has not the name of the server, and its arguments. */
  readonly program?: string;
  readonly args?: readonly string[];
}

/** ms after which brief sessions end. */
export const BRIEF_DELAY = 1500;

/** Rooms of the server with rooms. */
export const CROWD_ROOMS = 1000;

/** Bytes that may wait for each client of the server with small buffers. */
export const CROWD_BUFFER = 1024 * 1024;

/** Processes whose sessions end soon, but not while a round opens them. */
const BRIEF = { program: 'member', disconnectDelay: BRIEF_DELAY } as const;

/** Processes whose sessions last. */
const LASTING = { program: 'member', disconnectDelay: 3_600_000 } as const;

export const SERVERS = {
  'ours-express': { title: 'express-sockjs in an Express 5 app', dialect: 'sockjs', pollsRace: false },
  'ours-bare': { title: 'express-sockjs as a bare listener', dialect: 'sockjs', pollsRace: false },
  'ours-cluster': { title: 'express-sockjs bare, `cluster` in memory', dialect: 'sockjs', pollsRace: false },
  'ours-redis': { title: 'express-sockjs bare, `cluster` with Redis', dialect: 'sockjs', pollsRace: false },
  ws: { title: 'floor: `ws`', dialect: 'plain', pollsRace: false },
  prepared: { title: 'floor: one prepared frame to raw sockets', dialect: 'plain', pollsRace: false },
  'ws-json': { title: 'floor: `ws`, JSON parsed and quoted', dialect: 'sockjs', pollsRace: false },
  http: { title: 'floor: `node:http`', dialect: 'plain', pollsRace: false },
  'http-json': { title: 'floor: `node:http`, JSON parsed and quoted', dialect: 'plain', pollsRace: false },
  express: { title: 'floor: routes in an Express 5 app', dialect: 'plain', pollsRace: false },
  'express-headed': {
    title: 'floor: routes in an Express 5 app, with the header lines of SockJS',
    dialect: 'plain',
    pollsRace: false,
    program: 'express',
    args: ['headed'],
  },
  // For the memory of idle sessions.
  held: { title: 'floor: `ws`, `node:http` responses held open', dialect: 'plain', pollsRace: false },
  'held-express': { title: 'floor: `ws`, responses of an Express 5 app held open', dialect: 'plain', pollsRace: false },
  sockjs: { title: 'npm `sockjs`', dialect: 'sockjs', pollsRace: false },
  engine: { title: '`engine.io`', dialect: 'engine', pollsRace: false },
  // One goroutine ends the response, another detaches the poll.
  'sockjs-go': { title: 'sockjs-go v3', dialect: 'sockjs', pollsRace: true },
  // No servers. Not among those of this package, since `--against` bundles all of them, and revisions before 2026-11-26
  // have no `lib/protocol/frame.ts`.
  quoting: quoting('the frame of one message, by this package', 'frame'),
  stringify: quoting('floor: `JSON.stringify` of the message', 'stringify'),
  // For the scenarios of the drop-in. Lines of `log` go to the null device.
  compat: { title: '`sockjs-compat`', dialect: 'sockjs', pollsRace: false },
  'compat-log': logging('`sockjs-compat`, default `log`', 'compat'),
  'sockjs-log': logging('npm `sockjs`, default `log`', 'sockjs'),
  // Several processes, for the scenarios of the option `cluster`.
  'pair-nginx': group('two processes behind nginx, by session', { program: 'member', count: 2, front: 'nginx' }),
  'pair-plain': group('two processes, each session at one', { program: 'member', count: 2 }),
  'pair-tcp': group('two processes, links over TCP', { program: 'member', count: 2, links: 'tcp' }),
  'pair-unix': group('two processes, links over Unix sockets', { program: 'member', count: 2, links: 'unix' }),
  'relay-tcp': group('floor: bare relay over TCP', { program: 'relay', count: 2, links: 'tcp' }),
  'relay-unix': group('floor: bare relay over Unix sockets', { program: 'relay', count: 2, links: 'unix' }),
  'pair-brief': group('two processes, without `cluster`', { ...BRIEF, count: 2 }),
  'pair-brief-tcp': group('two processes with Redis, by `redis`', { ...BRIEF, count: 2, links: 'tcp' }),
  'pair-brief-ioredis': group('two processes with Redis, by `ioredis`', {
    ...BRIEF,
    count: 2,
    links: 'tcp',
    client: 'ioredis',
  }),
  'one-idle': group('one process', { ...LASTING, count: 1 }),
  'pair-idle-tcp': group('two processes with Redis', { ...LASTING, count: 2, links: 'tcp' }),
  'eight-crowd': group('eight processes with rooms', {
    program: 'crowd',
    count: 8,
    links: 'tcp',
    rooms: CROWD_ROOMS,
  }),
  'pair-crowd': group('two processes with small buffers', {
    program: 'crowd',
    count: 2,
    links: 'tcp',
    maxSendBuffer: CROWD_BUFFER,
  }),
  four: group('four processes with Redis', { program: 'member', count: 4, links: 'tcp' }),
  'four-socketio': {
    ...group('four processes of socket.io with its Redis adapter', { program: 'socketio', count: 4, links: 'tcp' }),
    dialect: 'socketio',
  },
  'four-workers': workers('four workers of `node:cluster`', { kind: 'cluster', count: 4 }),
  'four-workers-socketio': {
    ...workers('four workers of socket.io with its cluster adapter', { kind: 'socketio', count: 4 }),
    dialect: 'socketio',
  },
  'one-worker': workers('one worker of `node:cluster`', { kind: 'cluster', count: 1 }),
  'two-workers': workers('two workers of `node:cluster`', { kind: 'cluster', count: 2 }),
  'one-worker-plain': workers('one worker, without `cluster`', { kind: 'plain', count: 1 }),
  'two-workers-plain': workers('two workers, without `cluster`', { kind: 'plain', count: 2 }),
} as const satisfies Record<string, Entry>;

export type ServerName = keyof typeof SERVERS;

/** The servers of this package. */
export const OURS = ['ours-express', 'ours-bare'] as const satisfies readonly ServerName[];

/** This package as a bare listener in a cluster of one process. They run only where `--servers` names them. */
export const CLUSTERED = ['ours-cluster', 'ours-redis'] as const satisfies readonly ServerName[];

/** The drop-in for npm `sockjs` and npm `sockjs` itself, with `log` silenced and with it. */
export const DROP_IN = ['compat', 'sockjs', 'compat-log', 'sockjs-log'] as const satisfies readonly ServerName[];

/** Whether it runs where it is named only: a cluster, or what is measured for the drop-in alone. */
export function isSpecial(name: ServerName): boolean {
  return isGroup(name) || (name !== 'sockjs' && [...CLUSTERED, ...DROP_IN].some((special) => special === name));
}

/** Whether it is several processes, or is made of such as are. */
export function isGroup(name: ServerName): boolean {
  return ['group', 'workers'].includes(programOf(name));
}

/** Whether it is this package alone, so that one revision of it can be measured beside another. */
export function isOfOurs(name: ServerName): boolean {
  const isFloor = name.startsWith('relay-') || name.endsWith('socketio');
  return [...OURS, ...CLUSTERED].some((ours) => ours === name) || (isGroup(name) && !isFloor);
}

/** The server as an entry, with what not all entries have. */
export function entryOf(name: ServerName): Entry {
  return SERVERS[name];
}

/** The program of a server, in the folder of this file. */
export function programOf(name: ServerName): string {
  return entryOf(name).program ?? name;
}

/** A server by the API of npm `sockjs` whose option `log` has its default. */
function logging(title: string, program: string) {
  return { title, dialect: 'sockjs', pollsRace: false, program, args: ['logs'] } as const;
}

/** A process that quotes messages. */
function quoting(title: string, by: 'frame' | 'stringify') {
  return { title, dialect: 'plain', pollsRace: false, program: 'quoting', args: [by] } as const;
}

/** Several processes of one program. */
function group(title: string, settings: GroupSettings) {
  const dialect: DialectName = settings.program === 'relay' ? 'plain' : 'sockjs';
  return { title, dialect, pollsRace: false, program: 'group', args: [JSON.stringify(settings)] } as const;
}

/** Workers of `node:cluster` on one port. */
function workers(title: string, settings: WorkersSettings) {
  return { title, dialect: 'sockjs', pollsRace: false, program: 'workers', args: [JSON.stringify(settings)] } as const;
}
