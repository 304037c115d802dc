/** What a group of processes is told. */

/** The argument of the program `group`, as JSON. */
export interface GroupSettings {
  /** The program of each process. */
  readonly program: 'member' | 'crowd' | 'relay' | 'socketio';
  readonly count: number;
  /** How the processes are linked. Not at all where it is left out. */
  readonly links?: 'tcp' | 'unix';
  /** What stands before them, and gives all requests of a session to one of them. */
  readonly front?: 'nginx';
  /** The client of Redis; by default that of the package `redis`. */
  readonly client?: 'ioredis';
  /** ms, as the option of the same name. */
  readonly disconnectDelay?: number;
  /** Bytes, as the option of the same name. */
  readonly maxSendBuffer?: number;
  /** How many rooms a message goes to. */
  readonly rooms?: number;
}

/** The argument of each process of a group, as JSON. */
export interface MemberSettings extends GroupSettings {
  readonly index: number;
  /** A folder of the group, for sockets. */
  readonly folder: string;
  /** The socket of the group's Redis, where there is one. */
  readonly redis: string;
}

/** What a process prints when it listens. */
export interface Listening {
  readonly port: number;
  /** Where a bare relay takes links. */
  readonly link?: string;
}
