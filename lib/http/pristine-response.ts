/**
 * Tells which methods of a response are Node's own. Direct writes and deferred headers skip some methods, and ask here
 * about those. If monitoring or middleware has replaced one, on one response or on all, this package has to call it.
 *
 * Bypass: methods that Node does not document are read, to see whether they are replaced.
 */
import { ServerResponse } from 'node:http';
import { EMIT, pristine } from '../util/pristine.ts';

/** Methods that Node's public methods call. They are missing from its types. */
interface Internals {
  readonly _implicitHeader: unknown;
  readonly _send: unknown;
  readonly _writeRaw: unknown;
}

const METHODS = ServerResponse.prototype as ServerResponse & Internals;

// Each mark is a part of the method's source text in Node 20, 22, 24 and 26.
const WRITE = pristine(METHODS.write, 'write_(this, chunk, encoding, callback, false)');
const SEND = pristine(METHODS._send, 'this._writeRaw(data, encoding, callback');
const WRITE_RAW = pristine(METHODS._writeRaw, 'this.outputData.push({ data, encoding, callback })');
const END = pristine(METHODS.end, 'write_(this, chunk, encoding, ');
const SET_HEADER = pristine(METHODS.setHeader, 'headers[name.toLowerCase()] = [name, value]');
const REMOVE_HEADER = pristine(METHODS.removeHeader, 'delete this[kOutHeaders][');
const IMPLICIT_HEADER = pristine(METHODS._implicitHeader, 'this.writeHead(this.statusCode)');
const WRITE_HEAD = pristine(METHODS.writeHead, 'this._storeHeader(statusLine, headers)');
const FLUSH_HEADERS = pristine(METHODS.flushHeaders, `this._send('')`);

/** Whether a direct write to the connection skips only Node's own methods. */
export function isWritePristine(res: ServerResponse): boolean {
  const { _send, _writeRaw } = res as ServerResponse & Internals;
  return res.write === WRITE && _send === SEND && _writeRaw === WRITE_RAW;
}

/** Whether deferred headers skip only Node's own methods. `writeHead` has a check of its own. */
export function isHeadPristine(res: ServerResponse): boolean {
  return (
    res.write === WRITE &&
    res.end === END &&
    res.setHeader === SET_HEADER &&
    res.removeHeader === REMOVE_HEADER &&
    (res as ServerResponse & Internals)._implicitHeader === IMPLICIT_HEADER &&
    // Monitoring that wraps `emit` may read the headers when the response finishes.
    res.emit === EMIT
  );
}

/** Whether this is Node's own `writeHead`. */
export function isWriteHeadPristine(writeHead: ServerResponse['writeHead']): boolean {
  return writeHead === WRITE_HEAD;
}

/** Whether `flushHeaders` calls only Node's own methods. `writeHead` has a check of its own. */
export function isFlushPristine(res: ServerResponse): boolean {
  return res.write === WRITE && res.end === END && res.flushHeaders === FLUSH_HEADERS;
}
