/** What workers and their primary send each other: commands of the registry, and their answers. */
import type { Entry, NodeRecord, OwnerMark, Tombstone } from '../../options/cluster-adapter.ts';
import type { StoreRenewal } from './memory-store.ts';

/** The commands: the methods of `ClusterRegistry` by name, with what they are given. */
export interface Commands {
  renew: { readonly node: NodeRecord };
  remove: { readonly nodeId: string };
  node: { readonly nodeId: string };
  claim: { readonly sessionId: string; readonly owner: OwnerMark; readonly life: number };
  find: { readonly sessionId: string };
  release: { readonly sessionId: string; readonly owner: OwnerMark };
  end: {
    readonly sessionId: string;
    readonly owner: OwnerMark;
    readonly tombstone: Tombstone;
    readonly life: number;
    readonly deadNode?: string;
  };
  reassert: { readonly sessions: readonly (readonly [id: string, owner: OwnerMark])[]; readonly life: number };
}

/** What each is answered. JSON has no undefined: such an answer is left out, which comes to the same. */
export interface Answers {
  renew: StoreRenewal;
  remove: undefined;
  node: NodeRecord | undefined;
  claim: Entry | undefined;
  find: Entry | undefined;
  release: undefined;
  end: Entry | undefined;
  reassert: readonly string[];
}

export type Method = keyof Commands;

/** A command, by its method. */
export type Command = { [M in Method]: { readonly method: M } & Commands[M] }[Method];

/** Applications send messages on the same channel. These types tell ours from theirs. */
export const COMMAND = 'sockjs:command';
export const ANSWER = 'sockjs:answer';

/** From a worker. */
export interface CommandMessage {
  readonly type: typeof COMMAND;
  /** The option `name`. */
  readonly name: string;
  /** Counts the commands of the worker. */
  readonly id: number;
  readonly command: Command;
}

/** From the primary. */
export interface AnswerMessage {
  readonly type: typeof ANSWER;
  /** That of the command. */
  readonly id: number;
  readonly answer?: unknown;
  /** Why there is no answer. */
  readonly error?: string;
}

type Fields = Readonly<Record<string, unknown>>;

const CHECKS: Readonly<Record<Method, (fields: Fields) => boolean>> = {
  renew: ({ node }) => isNode(node),
  remove: ({ nodeId }) => isText(nodeId),
  node: ({ nodeId }) => isText(nodeId),
  claim: ({ sessionId, owner, life }) => isText(sessionId) && isMark(owner) && isLife(life),
  find: ({ sessionId }) => isText(sessionId),
  release: ({ sessionId, owner }) => isText(sessionId) && isMark(owner),
  end: ({ sessionId, owner, tombstone, life, deadNode }) =>
    isText(sessionId) &&
    isMark(owner) &&
    isTombstone(tombstone) &&
    isLife(life) &&
    (deadNode === undefined || isText(deadNode)),
  reassert: ({ sessions, life }) => Array.isArray(sessions) && sessions.every(isSession) && isLife(life),
};

/** Whether a message from a worker is one of ours, sound or not. */
export function isOurs(message: unknown): message is { readonly type: typeof COMMAND; readonly id?: unknown } {
  return isObject(message) && message['type'] === COMMAND;
}

/** Reads a message from a worker. Undefined for one that no worker of this release sends. */
export function readCommand(message: unknown): CommandMessage | undefined {
  return isCommandMessage(message) ? message : undefined;
}

/** Reads a message from the primary. Undefined for one of the application. */
export function readAnswer(message: unknown): AnswerMessage | undefined {
  return isAnswerMessage(message) ? message : undefined;
}

function isCommandMessage(message: unknown): message is CommandMessage {
  return isObject(message) && isText(message['name']) && isCount(message['id']) && isCommand(message['command']);
}

function isAnswerMessage(message: unknown): message is AnswerMessage {
  return isObject(message) && message['type'] === ANSWER && isCount(message['id']);
}

function isCommand(command: unknown): boolean {
  if (!isObject(command)) {
    return false;
  }
  const { method } = command;
  return isMethod(method) && CHECKS[method](command);
}

function isMethod(method: unknown): method is Method {
  return typeof method === 'string' && Object.hasOwn(CHECKS, method);
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** JSON writes null for what is no finite number. */
function isLife(value: unknown): boolean {
  return typeof value === 'number' && value > 0;
}

function isMark(value: unknown): boolean {
  return isObject(value) && isText(value['nodeId']) && isCount(value['reservation']);
}

function isSession(value: unknown): boolean {
  return Array.isArray(value) && isText(value[0]) && isMark(value[1]);
}

function isTombstone(value: unknown): boolean {
  return isObject(value) && isCount(value['code']) && isText(value['reason']) && isText(value['identityHash']);
}

function isNode(value: unknown): boolean {
  if (!isObject(value)) {
    return false;
  }
  const { id, address, token, machine, versions } = value;
  return [id, address, token, machine].every(isText) && Array.isArray(versions) && versions.length === 2;
}
