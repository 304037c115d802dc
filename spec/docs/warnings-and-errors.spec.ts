/** The page of warnings and errors: it has each message of the code, and each error leads to its heading. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { createServer, IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { join } from 'node:path';
import express from 'express';
import { attachUpgrade, Session, sockjs, upgradeHandler } from '../../lib/index.ts';
import { anchorsOf, ROOT, readDocument } from './support/markdown.ts';
import { isMessage, messagesIn, PART } from './support/messages.ts';

const PAGE = 'docs/reference/warnings-and-errors.md';

const SOURCES = readdirSync(join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path): [path: string, text: string] => [path, readDocument(`lib/${path}`)]);

const SOURCE = SOURCES.map(([, text]) => text).join('\n');

/** What stands below a heading of the page, by the anchor of the heading: the messages, and the rest. */
const sections = new Map(
  readDocument(PAGE)
    .split(/^(?=### )/m)
    .slice(1)
    .map((section) => {
      const [heading = ''] = section.split('\n', 1);
      const [anchor = ''] = anchorsOf(heading);
      const messages = Array.from(section.matchAll(/^- `(.*)`$/gm), ([, message = '']) => message);
      const rest =
        section
          .slice(heading.length)
          .replace(/^- `.*`$/gm, '')
          .split(/^## /m)[0] ?? '';
      return [anchor, { messages, text: rest.trim() }] as const;
    }),
);

const documented = [...sections.values()].flatMap(({ messages }) => messages);

/** The messages of the code, but those that consist of nothing but parts. */
const messages = [...new Set(messagesIn(SOURCE))].filter((message) => message !== PART);

/** The errors that lead to a heading: its anchor, and the message where it stands there. */
const helped = Array.from(
  SOURCE.matchAll(/\bwithHelp\(\s*'([^']+)',\s*new \w+\(\s*(?:(?=['"`])|[A-Za-z(]+)/g),
  (match) => {
    const rest = SOURCE.slice(match.index + match[0].length);
    return { anchor: match[1] ?? '', message: /^['"`]sockjs: /.test(rest) ? messagesIn(rest)[0] : undefined };
  },
);

/** Calls a function with what its types forbid. */
function call(target: (...args: never[]) => unknown, ...args: unknown[]): unknown {
  return Reflect.apply(target, undefined, args);
}

/** The section that the help of an error or a warning leads to. */
function sectionAt(help: unknown) {
  const [path, anchor = ''] = String(help).split('#');
  assert.equal(path, `express-sockjs/${PAGE}`);
  return sections.get(anchor);
}

describe(PAGE, () => {
  it('has every message of the code', () => {
    assert.ok(messages.length > 100);
    assert.deepEqual(
      messages.filter((message) => !documented.some((text) => isMessage(text, message))),
      [],
    );
  });

  it('has no message that the code does not have, and none that fits everything', () => {
    for (const text of documented) {
      assert.ok(text.replaceAll(PART, '').length >= 8, text);
      assert.ok(
        messages.some((message) => isMessage(text, message)),
        `no source has: ${text}`,
      );
    }
  });

  it('says below each heading which messages it is about, and what to do', () => {
    for (const [anchor, { messages: told, text }] of sections) {
      assert.ok(told.length > 0 && text.length > 40, anchor);
    }
  });

  it('has every warning of the code under a heading of its own, and no other', () => {
    const found = (text: string, pattern: RegExp) =>
      [...new Set(Array.from(text.matchAll(pattern), ([, code]) => code))].sort();
    const codes = found(SOURCE, /'(SOCKJS_\w+)'/g);
    assert.ok(codes.length > 0);
    assert.deepEqual(found(readDocument(PAGE), /^### `(SOCKJS_\w+)`$/gm), codes);
  });

  it('has every heading that the code leads to, with the message that leads there', () => {
    assert.ok(helped.length > 60);
    for (const { anchor, message } of helped) {
      const section = sections.get(anchor);
      assert.ok(section !== undefined, `no heading #${anchor}`);
      assert.ok(
        message === undefined || section.messages.some((text) => isMessage(text, message)),
        `#${anchor} does not have: ${message}`,
      );
    }
    for (const [, anchor = ''] of SOURCE.matchAll(/\bhelpAt\('([^']+)'\)/g)) {
      assert.ok(sections.has(anchor), `no heading #${anchor}`);
    }
  });

  it('is led to by each error that is thrown for options, upgrades and gateways', () => {
    const bare = SOURCES.flatMap(([path, source]) =>
      /^(?:options|upgrade|nestjs)\//.test(path)
        ? Array.from(source.matchAll(/(withHelp\(\s*'[^']+',\s*)?new \w*Error\(\s*['"`]sockjs: /g))
            .filter(([, help]) => help === undefined)
            .map(({ index }) => `${path}: ${source.slice(index, index + 80)}`)
        : [],
    );
    assert.deepEqual(bare, []);
  });

  const options = {};
  const mistakes: Readonly<Record<string, () => unknown>> = {
    "app.use('/echo', sockjs)": () => call(sockjs, new IncomingMessage(new Socket()), {}, () => {}),
    'sockjs()': () => call(sockjs),
    'sockjs(options)': () => call(sockjs, options),
    'sockjs(null, onSession)': () => call(sockjs, null, () => {}),
    'an option of another package': () => call(sockjs, { heartbeat_delay: 1 }, () => {}),
    'an option that is misspelt': () => call(sockjs, { heartbeats: 1 }, () => {}),
    'an option of a wrong type': () => call(sockjs, { heartbeatDelay: '1' }, () => {}),
    'an option without sense': () => call(sockjs, { heartbeatDelay: -1 }, () => {}),
    'attachUpgrade(app)': () => call(attachUpgrade, express()),
    'upgradeHandler(options)': () => call(upgradeHandler, options),
    'sockjs(app)': () => call(sockjs, express()),
    'sockjs(server)': () => call(sockjs, createServer()),
    'session.send(object)': () => call(Session.prototype.send, {}),
  };

  for (const [mistake, make] of Object.entries(mistakes)) {
    it(`has under the heading that the error leads to: ${mistake}`, () => {
      assert.throws(make, (error: Error & { help?: unknown }) => {
        const message = error.message.replace(/^sockjs: /, '');
        assert.ok(
          sectionAt(error.help)?.messages.some((text) => isMessage(text, message)),
          error.message,
        );
        return true;
      });
    });
  }
});
