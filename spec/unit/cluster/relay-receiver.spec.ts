/** The receiver that stands for a response of another node: what it sends, and what it reports. */
import assert from 'node:assert/strict';
import type { Link } from '../../../lib/cluster/link.ts';
import type { OwnerMessage } from '../../../lib/cluster/messages.ts';
import { WINDOW } from '../../../lib/cluster/pieces.ts';
import { RelayReceiver } from '../../../lib/cluster/relay-receiver.ts';
import { SharedMessage } from '../../../lib/protocol/shared-message.ts';
import { TRANSPORTS } from '../../../lib/protocol/transports.ts';

/** A relay receiver, with the messages that it has sent as texts, and the reports that it has made. */
function make(transport: 'xhrPolling' | 'xhrStreaming' | 'jsonp' = 'xhrStreaming', responseLimit = 1_000_000) {
  const sent: string[] = [];
  const frames: Extract<OwnerMessage, { type: 'frame' }>[] = [];
  const reports: string[] = [];
  const full: RelayReceiver[] = [];
  const link: Link<OwnerMessage> & { isFull: boolean } = {
    peer: 'peer',
    isFull: false,
    send: (message) => {
      if (message.type === 'frame') {
        frames.push(message);
        const text = message.bytes.length > 100 ? `${message.bytes.length} bytes` : message.bytes.toString();
        sent.push(`${text}${message.isLast ? ' last' : ''}`);
      } else {
        sent.push(message.type);
      }
    },
    delivered: async () => {},
    end: () => {},
  };
  const session = {
    receiverReleased: () => reports.push('released'),
    receiverFlushed: () => reports.push('flushed'),
    receiverAborted: (_: unknown, { code }: { code: number }) => reports.push(`aborted ${code}`),
    receiverDrained: () => reports.push('drained'),
  };
  const request = { rid: 7, transport: TRANSPORTS[transport], callback: 'callback', responseLimit };
  const receiver = new RelayReceiver(request, session, link, (waiting) => full.push(waiting));
  return { receiver, sent, frames, reports, link, full };
}

/** The longest message whose frame fills the window. */
const LARGE = 'x'.repeat(WINDOW - 'a[""]\n'.length);

describe('RelayReceiver', () => {
  it('says that it is attached before its first frame, once', () => {
    const { receiver, sent } = make();
    receiver.messages(['1'], false);
    receiver.confirm();
    receiver.heartbeat(false);
    assert.deepEqual(sent, ['attached', 'a["1"]\n', 'h\n']);
  });

  it('ends a poll with its first frame, and is released with it', () => {
    const { receiver, sent, reports } = make('xhrPolling');
    receiver.confirm();
    receiver.messages(['1'], false);
    receiver.messages(['too late'], false);
    assert.deepEqual(sent, ['attached', 'a["1"]\n last']);
    assert.deepEqual(reports, ['released']);
  });

  it('ends a stream with the frame that uses up responseLimit', () => {
    const { receiver, sent, reports } = make('xhrStreaming', 'a["1"]\na["2"]\n'.length);
    receiver.messages(['1'], false);
    assert.deepEqual(reports, []);
    receiver.messages(['2'], false);
    receiver.heartbeat(false);
    assert.deepEqual(sent, ['attached', 'a["1"]\n', 'a["2"]\n last']);
    assert.deepEqual(reports, ['released']);
  });

  it('ends with the close frame', () => {
    const { receiver, sent, reports } = make();
    receiver.open();
    receiver.close(3000, 'Go away!');
    assert.deepEqual(sent, ['attached', 'o\n', 'c[3000,"Go away!"]\n last']);
    assert.deepEqual(reports, ['released']);
  });

  it('wraps with the callback that the client of the other node has named', () => {
    const { receiver, sent } = make('jsonp');
    receiver.messages([new SharedMessage('1')], false);
    assert.deepEqual(sent, ['attached', '/**/callback("a[\\"1\\"]");\r\n last']);
  });

  it('sends the bytes that all receivers of a broadcast share', () => {
    const message = new SharedMessage('1');
    const [one, other] = [make(), make()];
    one.receiver.messages([message], false);
    other.receiver.messages([message], false);
    assert.equal(one.frames[0]?.bytes, other.frames[0]?.bytes);
    assert.deepEqual(one.sent, ['attached', 'a["1"]\n']);
  });

  it('refuses with 2010, and is deaf then', () => {
    const { receiver, sent, reports } = make();
    receiver.refuse();
    assert.equal(receiver.isRefused, true);
    receiver.confirm();
    receiver.abort();
    receiver.lost();
    assert.deepEqual([sent, reports], [['refused'], []]);
  });

  describe('window', () => {
    it('holds back what the other node has no room for, and counts it as buffered', () => {
      const { receiver, sent } = make();
      receiver.messages([LARGE], false);
      receiver.messages(['2'], false);
      assert.deepEqual(sent, ['attached', `${WINDOW} bytes`]);
      assert.equal(receiver.bufferedAmount, WINDOW + 7);
      receiver.written(6);
      assert.equal(sent.length, 2, 'one byte is missing');
      receiver.written(1);
      assert.deepEqual(sent.slice(2), ['a["2"]\n']);
      receiver.written(WINDOW);
      assert.equal(receiver.bufferedAmount, 0);
    });

    it('sends a larger frame in pieces, of which the last ends the response', () => {
      const { receiver, sent, frames, reports } = make('xhrPolling');
      receiver.messages([LARGE + LARGE], false);
      assert.equal(frames.length, 2);
      for (let index = 0; index < 3; index += 1) {
        receiver.written(frames[index]?.bytes.length ?? 0);
      }
      assert.deepEqual(
        frames.map(({ isLast }) => isLast),
        [false, false, false, true],
      );
      assert.equal(Buffer.concat(frames.map(({ bytes }) => bytes)).toString(), `a["${LARGE}${LARGE}"]\n`);
      assert.deepEqual(reports, ['released']);
      assert.equal(sent.length, 5);
    });

    it('has the memory of each piece free once it has left, unless other receivers have the frame', () => {
      const { receiver, frames } = make();
      receiver.messages([LARGE + LARGE], false);
      assert.equal(frames.length, 2);
      assert.notEqual(frames[0]?.bytes.buffer, frames[1]?.bytes.buffer);
      const shared = new SharedMessage(LARGE + LARGE);
      const others = [make(), make()];
      for (const other of others) {
        other.receiver.messages([shared], false);
      }
      const memory = others.flatMap((other) => other.frames.map(({ bytes }) => bytes.buffer));
      assert.equal(memory.length, 4);
      assert.equal(new Set(memory).size, 1);
    });

    it('does not let the other node report more than was sent', () => {
      const { receiver } = make();
      receiver.messages(['1'], false);
      assert.throws(() => receiver.written(8), RangeError);
    });

    it('tells the session of each report while it waits to drain, and not otherwise', () => {
      const { receiver, reports } = make();
      receiver.messages(['1'], false);
      receiver.written(7);
      assert.deepEqual(reports, []);
      receiver.messages(['2'], true);
      receiver.written(3);
      receiver.written(4);
      assert.deepEqual(reports, ['drained', 'drained']);
      receiver.messages(['3'], false);
      receiver.written(7);
      assert.deepEqual(reports, ['drained', 'drained']);
    });

    it('keeps order and count of a hundred thousand frames that wait', () => {
      const { receiver, frames } = make('xhrStreaming', Number.POSITIVE_INFINITY);
      for (let number = 0; number < 100_000; number += 1) {
        receiver.messages([String(number)], false);
      }
      for (let done = 0; done < frames.length; done += 1) {
        receiver.written(frames[done]?.bytes.length ?? 0);
      }
      assert.equal(frames.length, 100_000);
      assert.equal(frames.at(-1)?.bytes.toString(), 'a["99999"]\n');
      assert.equal(receiver.bufferedAmount, 0);
    });
  });

  describe('a full link', () => {
    it('gets no frame before it takes some again', () => {
      const { receiver, sent, link, full } = make();
      link.isFull = true;
      receiver.messages(['1'], false);
      receiver.messages(['2'], false);
      assert.deepEqual(sent, ['attached']);
      assert.equal(full[0], receiver);
      link.isFull = false;
      receiver.pump();
      assert.deepEqual(sent, ['attached', 'a["1"]\n', 'a["2"]\n']);
    });
  });

  describe('the end', () => {
    it('is flushed when all has left', () => {
      const { receiver, reports } = make('xhrPolling');
      receiver.messages(['1'], false);
      receiver.left();
      receiver.left();
      receiver.lost();
      assert.deepEqual(reports, ['released', 'flushed']);
      assert.equal(receiver.bufferedAmount, 0);
    });

    it('is lost where the other node has ended the response before it wrote all', () => {
      const { receiver, reports } = make();
      receiver.messages(['1'], false);
      receiver.left();
      assert.deepEqual(reports, ['aborted 1002']);
    });

    it('is flushed where middleware of the other node has ended the response, and all was written', () => {
      const { receiver, reports } = make();
      receiver.messages(['1'], false);
      receiver.written(7);
      receiver.left();
      assert.deepEqual(reports, ['flushed']);
    });

    it('is lost where the client broke off, even behind the last frame', () => {
      const { receiver, reports } = make('xhrPolling');
      receiver.messages(['1'], false);
      receiver.lost();
      assert.deepEqual(reports, ['released', 'aborted 1002']);
    });

    it('cuts, and drops what waits', () => {
      const { receiver, sent, reports } = make();
      receiver.messages([LARGE], false);
      receiver.messages(['2'], false);
      receiver.abort();
      receiver.written(WINDOW);
      receiver.messages(['3'], false);
      receiver.lost();
      receiver.abort();
      assert.deepEqual(sent, ['attached', `${WINDOW} bytes`, 'cut']);
      assert.deepEqual(reports, ['aborted 1002']);
    });
  });

  describe('yield()', () => {
    it('releases the receiver, and answers once', () => {
      const { receiver, sent, reports } = make();
      receiver.confirm();
      receiver.yield();
      receiver.yield();
      receiver.messages(['too late'], false);
      receiver.left();
      assert.deepEqual(sent, ['attached', 'yielded']);
      assert.deepEqual(reports, ['released', 'flushed']);
    });

    it('answers behind all frames that wait', () => {
      const { receiver, sent } = make();
      receiver.messages([LARGE], false);
      receiver.messages(['2'], false);
      receiver.yield();
      receiver.written(WINDOW);
      assert.deepEqual(sent, ['attached', `${WINDOW} bytes`, 'a["2"]\n', 'yielded']);
    });

    it('is not answered behind a last frame, which serves as well', () => {
      const { receiver, sent } = make('xhrPolling');
      receiver.messages(['1'], false);
      receiver.yield();
      assert.deepEqual(sent, ['attached', 'a["1"]\n last']);
    });
  });
});
