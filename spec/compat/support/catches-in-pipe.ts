/** Whether `pipe()` of this Node catches what its target throws. */
import { PassThrough, Readable } from 'node:stream';

/**
 * From Node 24 on, `pipe()` catches what the method `write` of its target throws, and destroys the target. npm sockjs
 * reads WebSockets by `pipe()`, and calls listeners in it.
 */
export function catchesInPipe(): boolean {
  const source = new Readable({ read: () => {} });
  const target = new PassThrough();
  target.on('error', () => {});
  target.write = () => {
    throw new Error('of the target');
  };
  source.pipe(target);
  try {
    source.emit('data', 'text');
    return true;
  } catch {
    return false;
  } finally {
    source.destroy();
    target.destroy();
  }
}
