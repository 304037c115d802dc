/**
 * The headers of an answer, gathered and then written at once: setting them on the response one by one costs a tenth of
 * a poll. What earlier middleware has set on the response goes along, and gives way where both name the same.
 */
import type { ServerResponse } from 'node:http';

type Headers = Record<string, string | number>;

const GATHERED = Symbol('express-sockjs.headers');

/** A response on which headers are gathered. */
interface Gathering extends ServerResponse {
  [GATHERED]?: Headers | undefined;
}

/** Sets a header of the answer. Always to be named in the same letters. */
export function setHeader(res: Gathering, name: string, value: string | number): void {
  res[GATHERED] ??= {};
  res[GATHERED][name] = value;
}

/** What a header is set to, whoever has set it. */
export function getHeader(res: Gathering, name: string): string | undefined {
  const value = res[GATHERED]?.[name] ?? res.getHeader(name);
  return value === undefined ? undefined : String(value);
}

/** Takes a header back, whoever has set it. */
export function removeHeader(res: Gathering, name: string): void {
  if (res[GATHERED]?.[name] !== undefined) {
    delete res[GATHERED][name];
  }
  // To look costs much less than to remove what is not there.
  if (res.hasHeader(name)) {
    res.removeHeader(name);
  }
}

/** Writes the head of the answer. Throws where there is one already, as `res.writeHead` does. */
export function writeHead(res: ServerResponse, status: number): void {
  // As an object: old middleware that wraps this gets lost in a list of names and values.
  res.writeHead(status, takeHeaders(res));
}

/** The headers gathered so far, which are forgotten. */
export function takeHeaders(res: Gathering): Headers {
  const headers = res[GATHERED] ?? {};
  res[GATHERED] = undefined;
  return headers;
}

/** Puts what was gathered on the response, which somebody else is going to see or to answer. */
export function handOver(res: ServerResponse): void {
  const headers = Object.entries(takeHeaders(res));
  if (!res.headersSent) {
    for (const [name, value] of headers) {
      res.setHeader(name, value);
    }
  }
}
