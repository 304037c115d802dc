/** Body parsers of Express 4 and 5, mounted before and after the endpoint: what clients send arrives all the same. */
import express from 'express';
import { sockjs, type TransportName } from '../../lib/index.ts';
import { express4 } from '../support/mountings.ts';
import { converse, echoUntilBye, FORM, jsonAs, type SendForm, serveUpgradable } from './support/peer.ts';

type Library = typeof express;

const LIBRARIES: readonly [string, Library][] = [
  ['Express 5', express],
  ['Express 4', express4],
];

/** As applications mount them, which takes the types that each is for, and for every type. */
const every = { type: () => true };
const PARSERS: readonly [string, (library: Library) => ReturnType<Library['json']>][] = [
  ['json()', (library) => library.json()],
  ['text()', (library) => library.text()],
  ['raw()', (library) => library.raw()],
  ['urlencoded()', (library) => library.urlencoded({ extended: true })],
  ['text() for every type', (library) => library.text(every)],
  ['raw() for every type', (library) => library.raw(every)],
];

/** Content-Types that clients send, and those that the parsers wait for. */
const SENDS: readonly [string, TransportName, SendForm?][] = [
  ['xhr_send as text/plain', 'xhr-polling', jsonAs('text/plain')],
  ['xhr_send as text/plain with a charset', 'xhr-streaming', jsonAs('text/plain;charset=UTF-8')],
  ['xhr_send as application/json', 'xhr-polling', jsonAs('application/json')],
  ['xhr_send as application/xml', 'xhr-polling', jsonAs('application/xml')],
  ['xhr_send as application/octet-stream', 'xhr-polling', jsonAs('application/octet-stream')],
  ['jsonp_send as a form', 'jsonp-polling', FORM],
  ['jsonp_send as JSON', 'jsonp-polling', jsonAs('text/plain')],
  ['a WebSocket', 'websocket'],
];

/** A session for each way to send, at one server. */
function itTakes(listener: () => express.Express): void {
  for (const [what, transport, sendForm] of SENDS) {
    it(`takes what is sent by ${what}`, async () => {
      const { httpClient } = await serveUpgradable(listener());
      await converse(httpClient, transport, sendForm === undefined ? {} : { sendForm });
    });
  }
}

for (const [name, library] of LIBRARIES) {
  const endpoint = () => sockjs(echoUntilBye);

  describe(`${name} without a body parser`, () => {
    itTakes(() => library().use('/echo', endpoint()));
  });

  for (const [title, parser] of PARSERS) {
    describe(`${name} with ${title} before the endpoint`, () => {
      itTakes(() => library().use(parser(library)).use('/echo', endpoint()));
    });

    describe(`${name} with ${title} after the endpoint`, () => {
      itTakes(() => library().use('/echo', endpoint()).use(parser(library)));
    });
  }
}
