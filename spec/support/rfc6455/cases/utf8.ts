/** Texts that are UTF-8, and texts that are not (RFC 6455, section 8.1). */
import { frame } from '../../frame-peer.ts';
import { ascii, type CaseGroup, close, cut, eachByte, type FrameCase, PING, text } from '../frame-case.ts';
import { fragments } from './fragments.ts';

const hex = (digits: string) => Buffer.from(digits, 'hex');

/** The first and last character of each length in bytes, and the neighbours of the surrogates. */
const VALID: readonly [name: string, bytes: Buffer][] = [
  ['U+0000', hex('00')],
  ['U+007F', hex('7f')],
  ['U+0080', hex('c280')],
  ['U+07FF', hex('dfbf')],
  ['U+0800', hex('e0a080')],
  ['U+2028', hex('e280a8')],
  ['U+D7FF', hex('ed9fbf')],
  ['U+E000', hex('ee8080')],
  ['U+FEFF', hex('efbbbf')],
  ['U+FFFD', hex('efbfbd')],
  ['U+FFFE', hex('efbfbe')],
  ['U+FFFF', hex('efbfbf')],
  ['U+10000', hex('f0908080')],
  ['U+1F600', hex('f09f9880')],
  ['U+10FFFF', hex('f48fbfbf')],
  ['Greek', Buffer.from('κόσμε')],
  ['of each length', Buffer.from('aé€😀')],
  ['combining', Buffer.from('e\u0301\u200d\u2060')],
];

const INVALID: readonly [name: string, bytes: Buffer][] = [
  ['a continuation', hex('80')],
  ['the last continuation', hex('bf')],
  ['continuations', hex('80818283')],
  ['the start of 2', hex('c2')],
  ['the last start of 2', hex('df')],
  ['the start of 3', hex('e0')],
  ['2 of 3', hex('e0a0')],
  ['the start of 4', hex('f0')],
  ['2 of 4', hex('f090')],
  ['3 of 4', hex('f09080')],
  ['overlong U+0000', hex('c080')],
  ['overlong slash in 2', hex('c0af')],
  ['overlong U+007F in 2', hex('c1bf')],
  ['overlong slash in 3', hex('e080af')],
  ['overlong U+07FF in 3', hex('e09fbf')],
  ['overlong slash in 4', hex('f08080af')],
  ['overlong U+FFFF in 4', hex('f08fbfbf')],
  ['overlong slash in 5', hex('f8808080af')],
  ['overlong slash in 6', hex('fc80808080af')],
  ['U+D800', hex('eda080')],
  ['U+DBFF', hex('edafbf')],
  ['U+DC00', hex('edb080')],
  ['U+DFFF', hex('edbfbf')],
  ['a pair of surrogates', hex('eda0bdedb880')],
  ['U+110000', hex('f4908080')],
  ['above in 4', hex('f7bfbfbf')],
  ['5 bytes', hex('f888808080')],
  ['6 bytes', hex('fc8480808080')],
  ['0xf5', hex('f5808080')],
  ['0xfe', hex('fe')],
  ['0xff', hex('ff')],
  ['no continuation in 2', hex('c220')],
  ['no second in 3', hex('e22028')],
  ['no third in 3', hex('e28020')],
  ['no second in 4', hex('f0209880')],
  ['no third in 4', hex('f09f2080')],
  ['no last in 4', hex('f09f9820')],
  ['a start behind a start', hex('c2c280')],
  ['Greek and a surrogate', hex('cebae1bdb9cf83cebcceb5eda080656469746564')],
];

const around = (bytes: Buffer, before: string, after: string) =>
  Buffer.concat([Buffer.from(before), bytes, Buffer.from(after)]);

/** Long enough that the reader unmasks it 4 bytes at a time. */
const LONG = ascii(300);

/** Returns the text in two fragments, once for each byte to cut at. */
function inTwo(name: string, bytes: Buffer, rest: Partial<FrameCase> = {}): FrameCase[] {
  return Array.from({ length: bytes.length + 1 }, (_, at) => ({
    name: `${name}, fragments cut at ${at}`,
    segments: [Buffer.concat(fragments([bytes.subarray(0, at), bytes.subarray(at)]))],
    ...rest,
  }));
}

const invalid = ([name, bytes]: readonly [string, Buffer]): FrameCase[] =>
  [
    { name, segments: [text(bytes)] },
    { name: `${name}, with text around it`, segments: [text(around(bytes, 'abc', 'def'))] },
    { name: `${name}, at the end`, segments: [text(around(bytes, 'abcé', ''))] },
    { name: `${name}, in a long text`, segments: [text(around(bytes, LONG, LONG))] },
    { name: `${name}, at the end of a long text`, segments: [text(around(bytes, LONG, ''))] },
    { name: `${name}, byte by byte`, segments: eachByte(text(around(bytes, 'a', 'b'))) },
    { name: `${name}, a fragment for each byte`, segments: fragments(eachByte(bytes)) },
    { name: `${name}, behind a text`, segments: [text('good'), text(bytes)] },
    { name: `${name}, in the segment of a text`, segments: [Buffer.concat([text('good'), text(bytes)])] },
    { name: `${name}, with a text behind`, segments: [Buffer.concat([text(bytes), text('good')])] },
  ].map((one) => ({ ...one, outcome: 1007 }));

export const UTF8: readonly CaseGroup[] = [
  {
    title: 'UTF-8 is answered when a frame or a segment ends at any byte of it',
    cases: VALID.flatMap(([name, bytes]) => [
      { name, segments: [text(bytes)] },
      { name: `${name}, in a long text`, segments: [text(around(bytes, LONG, LONG))] },
      { name: `${name}, byte by byte`, segments: eachByte(text(around(bytes, 'a', 'b'))) },
      { name: `${name}, a fragment for each byte`, segments: fragments(eachByte(bytes)) },
      {
        name: `${name}, with an empty fragment between`,
        segments: fragments([...eachByte(bytes)].flatMap((byte) => [byte, ''])),
      },
      ...inTwo(name, around(bytes, 'a', 'b')),
      ...Array.from({ length: bytes.length }, (_, at) => ({
        name: `${name}, segments cut at ${at}`,
        segments: cut(text(bytes), 6 + at),
      })),
    ]),
  },
  { title: 'a text that is no UTF-8 closes with 1007', cases: INVALID.flatMap(invalid) },
  {
    title: 'a text that is no UTF-8 closes with 1007 when cut into fragments at any byte',
    cases: INVALID.flatMap(([name, bytes]) => inTwo(name, bytes, { outcome: 1007 })),
  },
  {
    title: 'a fragment that is no UTF-8 is judged when the message is whole',
    cases: INVALID.slice(0, 12).flatMap(([name, bytes]) => [
      { name, segments: [fragments([bytes, ''])[0] ?? bytes], halfCloses: 'read', outcome: 'cut' as const },
      {
        name: `${name}, with a ping behind`,
        segments: [fragments([bytes, ''])[0] ?? bytes, frame(PING, 'a'), close(1000)],
        outcome: 1000,
      },
    ]),
  },
  {
    title: 'a ping need not be UTF-8',
    cases: INVALID.map(([name, bytes]) => ({ name, segments: [frame(PING, bytes)] })),
  },
  {
    title: 'the reason of a close may be any UTF-8, and comes back',
    cases: VALID.flatMap(([name, bytes]) => [
      { name, segments: [close(3001, bytes)], outcome: 3001 },
      { name: `${name}, byte by byte`, segments: eachByte(close(3001, bytes)), outcome: 3001 },
    ]),
  },
  {
    title: 'a reason that is no UTF-8 closes with 1007',
    cases: INVALID.flatMap(([name, bytes]) => [
      { name, segments: [close(1000, bytes)], outcome: 1007 },
      { name: `${name}, with text around it`, segments: [close(3001, around(bytes, 'abc', 'def'))], outcome: 1007 },
      { name: `${name}, byte by byte`, segments: eachByte(close(1000, bytes)), outcome: 1007 },
      { name: `${name}, behind a text`, segments: [text('good'), close(1000, bytes)], outcome: 1007 },
      {
        name: `${name}, in the segment of a text`,
        segments: [Buffer.concat([text('good'), close(1000, bytes)])],
        outcome: 1007,
      },
      { name: `${name}, where the code is bad as well`, segments: [close(1005, bytes)], outcome: 1002 },
    ]),
  },
];
