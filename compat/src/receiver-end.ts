/**
 * Has ws end its reader once only. ws calls `end()` again when the connection has closed, and Node then makes an error
 * with a stack that goes nowhere: 3 to 7 µs of some 85 for each session that opens and closes. The copy of ws in the
 * package is its own, so that its method may be replaced.
 */
import * as ws from 'ws';

/** A reader of frames, which the types of ws leave out. */
interface Reader {
  readonly writableFinished: boolean;
  end(...args: unknown[]): unknown;
}

const { Receiver } = ws as unknown as { readonly Receiver: { readonly prototype: Reader } };

const { end } = Receiver.prototype;

Object.defineProperty(Receiver.prototype, 'end', {
  value: function endOnce(this: Reader, ...args: unknown[]): unknown {
    return this.writableFinished ? this : end.apply(this, args);
  },
  configurable: true,
  writable: true,
});
