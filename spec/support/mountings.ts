/** All forms in which an application can mount a SockJS endpoint, for tests that must hold for each. */
import { createServer, type RequestListener } from 'node:http';
import { createRequire } from 'node:module';
import connect from 'connect';
import express, { type Express, Router } from 'express';
import { attachUpgrade, type SessionHandler, type SockjsOptions, sockjs } from '../../lib/index.ts';
import { afterTest } from './cleanup.ts';
import { echo, listen, type TestServer } from './test-server.ts';

/** Express 4 has no types here. Those of Express 5 fit what the tests use. */
export const express4: typeof express = createRequire(import.meta.url)('express4');

export interface Mounting {
  readonly title: string;
  /** The path of the endpoint on the server. */
  readonly base: string;
  /** The expected `session.request.params`. */
  readonly params?: Readonly<Record<string, string>>;
  listener(options: SockjsOptions, onSession: SessionHandler): RequestListener;
}

/** Keeps an app from printing the errors that tests provoke. */
function quiet(app: Express): Express {
  return app.set('env', 'test');
}

function mounted(create: () => Express, path: string): Mounting['listener'] {
  return (options, onSession) => quiet(create()).use(path, sockjs(options, onSession));
}

function nested(library: typeof express): Mounting['listener'] {
  return (options, onSession) => {
    const tenants = library.Router({ mergeParams: true });
    tenants.use('/rooms/:room', sockjs(options, onSession));
    return quiet(library()).use('/tenants/:tenant', tenants);
  };
}

const NESTED = { base: '/tenants/a.b/rooms/x%20y', params: { tenant: 'a.b', room: 'x y' } };

export const MOUNTINGS: readonly Mounting[] = [
  { title: 'Express 5', base: '/echo', params: {}, listener: mounted(express, '/echo') },
  { title: 'Express 4', base: '/echo', params: {}, listener: mounted(express4, '/echo') },
  { title: 'Express 5 at /', base: '', params: {}, listener: mounted(express, '/') },
  { title: 'Express 4 at /', base: '', params: {}, listener: mounted(express4, '/') },
  { title: 'Express 5 in depth', base: '/a/b/c/echo', params: {}, listener: mounted(express, '/a/b/c/echo') },
  { title: 'Express 4 in depth', base: '/a/b/c/echo', params: {}, listener: mounted(express4, '/a/b/c/echo') },
  { title: 'nested Routers of Express 5', ...NESTED, listener: nested(express) },
  { title: 'nested Routers of Express 4', ...NESTED, listener: nested(express4) },
  {
    title: 'app.use() and a prefix',
    base: '/echo',
    params: {},
    listener: (options, onSession) => quiet(express()).use(sockjs({ ...options, prefix: '/echo' }, onSession)),
  },
  {
    title: 'app.use(path) and a prefix',
    base: '/a/b/echo',
    params: {},
    listener: (options, onSession) => quiet(express4()).use('/a', sockjs({ ...options, prefix: '/b/echo' }, onSession)),
  },
  {
    title: 'a Router that a Router has in front',
    base: '/outer/echo',
    params: {},
    listener: (options, onSession) => {
      const outer = Router({ strict: true, caseSensitive: true }).use('/echo', sockjs(options, onSession));
      return quiet(express()).use('/outer', outer);
    },
  },
  {
    title: 'Connect',
    base: '/echo',
    listener: (options, onSession) => connect().use('/echo', sockjs(options, onSession)),
  },
  {
    title: 'a bare listener with a prefix',
    base: '/echo',
    listener: (options, onSession) => sockjs({ ...options, prefix: '/echo' }, onSession),
  },
  {
    title: 'a bare listener with a regular expression for a prefix',
    base: '/tenants/a.b/x%20y/echo',
    listener: (options, onSession) => sockjs({ ...options, prefix: /\/TENANTS\/([^/]+\/){1,2}echo/gi }, onSession),
  },
  {
    title: 'a bare listener without a prefix',
    base: '',
    listener: (options, onSession) => sockjs(options, onSession),
  },
];

/** Returns the mounting with that title. */
export function mountingOf(title: string): Mounting {
  const mounting = MOUNTINGS.find((candidate) => candidate.title === title);
  if (mounting === undefined) {
    throw new Error(`no such way of mounting: ${title}`);
  }
  return mounting;
}

/** Serves one endpoint at `base`, with upgrades attached. */
export async function serveMounted(
  { base, listener }: Mounting,
  options: SockjsOptions = {},
  onSession: SessionHandler = echo,
): Promise<TestServer & { readonly url: string }> {
  const server = createServer(listener(options, onSession));
  attachUpgrade(server);
  const listening = await listen(server);
  return { ...listening, url: listening.origin + base };
}

/** Keeps console.error() out of the test report for the rest of the test. Returns the arguments of its calls. */
export function captureErrors(): unknown[] {
  const printed: unknown[] = [];
  const { error } = console;
  console.error = (...args) => printed.push(...args);
  afterTest(() => {
    console.error = error;
  });
  return printed;
}
