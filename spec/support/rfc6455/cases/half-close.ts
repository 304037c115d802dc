/** Clients that end their side of the connection immediately after their last bytes. */
import { frame } from '../../frame-peer.ts';
import { ascii, type CaseGroup, close, PING, text, together } from '../frame-case.ts';
import { fragments } from './fragments.ts';

/** Bytes that libuv reads at a time. After a full read it reads again in the same turn, and may then find the end. */
const READ = 65_536;

/** Returns a text whose frame has that many bytes. */
const filling = (bytes: number) => text(ascii(bytes - (bytes > 65_549 ? 14 : 8)));

export const HALF_CLOSES: readonly CaseGroup[] = [
  {
    title: 'what came before the end of a connection is answered',
    cases: [
      { name: 'a text', segments: [text('a')] },
      { name: 'texts', segments: together(text('a'), text('b'), text('c')) },
      { name: 'a text in fragments', segments: together(...fragments(['a', 'b'])) },
      { name: 'a ping', segments: [frame(PING, 'a')] },
      { name: 'a text, and half a frame', segments: together(text('a'), text('bc').subarray(0, 4)) },
      { name: 'a text one byte short of a read', segments: [filling(READ - 1)] },
      { name: 'a text that fills a read', segments: [filling(READ)] },
      { name: 'a text of one byte more than a read', segments: [filling(READ + 1)] },
      { name: 'a text that fills two reads', segments: [filling(2 * READ)] },
      { name: 'texts that fill a read', segments: together(text('a'), filling(READ - 7)) },
      { name: 'fragments that fill a read', segments: together(...fragments([ascii(32_760), ascii(32_760)])) },
    ].map((one) => ({ ...one, halfCloses: 'at once', outcome: 'cut' })),
  },
  {
    title: 'a closing handshake is finished though the connection ends behind it',
    cases: [
      { name: 'a close', segments: [close(3001, 'bye')], outcome: 3001 },
      { name: 'a text and a close', segments: [text('a'), close(3001, 'bye')], outcome: 3001 },
      { name: 'a text and a close, at once', segments: together(text('a'), close(3001, 'bye')), outcome: 3001 },
      {
        name: 'a text that fills a read, and a close',
        segments: together(filling(READ), close(3001, 'bye')),
        outcome: 3001,
      },
      { name: 'a bad frame', segments: [frame(0x83, '')], outcome: 1002 },
    ].map((one) => ({ ...one, halfCloses: 'at once' })),
  },
];
