/** The one listener that tells pipelined requests that their connection has closed. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { offSocketClose, onSocketClose } from '../../../lib/http/socket-close.ts';

describe('onSocketClose', () => {
  it('adds one listener for any number of callbacks, however often they come and go', () => {
    const socket = new Socket();
    for (let i = 0; i < 1000; i += 1) {
      const stays = () => {};
      const goes = () => {};
      onSocketClose(socket, stays);
      onSocketClose(socket, goes);
      offSocketClose(socket, goes);
      assert.equal(socket.listenerCount('close'), 1);
    }
  });

  it('calls each callback once, in order, but for those that were taken back', async () => {
    const socket = new Socket();
    const called: string[] = [];
    const first = () => {
      called.push('first');
      offSocketClose(socket, first);
      offSocketClose(socket, third);
    };
    const second = () => called.push('second');
    const third = () => called.push('third');
    const fourth = () => called.push('fourth');
    for (const callback of [first, second, third, second, fourth]) {
      onSocketClose(socket, callback);
    }
    offSocketClose(socket, fourth);
    const closed = once(socket, 'close');
    socket.destroy();
    await closed;
    assert.deepEqual(called, ['first', 'second']);
  });

  it('keeps sockets apart', async () => {
    const [socket, other] = [new Socket(), new Socket()];
    const called: string[] = [];
    onSocketClose(socket, () => called.push('socket'));
    onSocketClose(other, () => called.push('other'));
    const closed = once(other, 'close');
    other.destroy();
    await closed;
    assert.deepEqual(called, ['other']);
    socket.destroy();
  });
});

describe('offSocketClose', () => {
  it('does nothing where there is nothing to take back', () => {
    const socket = new Socket();
    offSocketClose(socket, () => {});
    assert.equal(socket.listenerCount('close'), 0);
  });
});
