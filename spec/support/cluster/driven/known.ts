/** Functions that a driven process has, too. Between processes they go by their names. */
import type { Express } from 'express';
import type { SessionHandler, SockjsOptions } from '../../../../lib/index.ts';
import { echoOrGoAway, goAway, holdBackUntilFlush, noMiddleware, stallOnRequest } from '../../contract-app.ts';
import { echo } from '../../test-server.ts';
import { echoUntilBye, STRICT } from '../conversations.ts';

export const HANDLERS: Readonly<Record<string, SessionHandler>> = { echo, goAway, echoOrGoAway, echoUntilBye };

/** Options with functions. */
export const OPTIONS: Readonly<Record<string, SockjsOptions>> = { STRICT };

export const MIDDLEWARE: Readonly<Record<string, (app: Express) => void>> = {
  noMiddleware,
  stallOnRequest,
  holdBackUntilFlush,
};

/** Returns the name of a value, if it is known. */
export function nameOf<Value>(value: Value, known: Readonly<Record<string, Value>>): string | undefined {
  return Object.keys(known).find((name) => known[name] === value);
}

/** Returns the value of this name. */
export function known<Value>(name: string, all: Readonly<Record<string, Value>>): Value {
  const value = all[name];
  if (value === undefined) {
    throw new Error(`${name} is not known`);
  }
  return value;
}
