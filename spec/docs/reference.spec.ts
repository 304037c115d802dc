/** The tables of the reference, held against the code that they describe. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { createServer, IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { inspect } from 'node:util';
import express from 'express';
import { HANDSHAKE_CLOSE } from '../../lib/cluster/handshake.ts';
import { RIGHTS } from '../../lib/cluster/redis/scripts.ts';
import { attachUpgrade, CloseCode, defaultOptions, Session, sockjs, upgradeHandler } from '../../lib/index.ts';
import { resolveCluster } from '../../lib/options/cluster-settings.ts';
import { redisCluster } from '../../lib/redis.ts';
import { afterTest } from '../support/cleanup.ts';
import { MemoryRegistry, memoryStore } from '../support/cluster/memory-registry.ts';
import { codeSpans, ROOT, readDocument, tableRows } from './support/markdown.ts';

/** All sources together. */
const SOURCE = readdirSync(join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => readDocument(`lib/${path}`))
  .join('\n');

const OPTIONS = 'docs/reference/options.md';
const MESSAGES = 'docs/reference/messages.md';
const DIAGNOSTICS = 'docs/reference/diagnostics.md';

/** The rows of a text whose first cell is code, by that code; one that names several comes once for each. */
function namedRows(text: string): [name: string, cells: string[]][] {
  return tableRows(text).flatMap((cells) => codeSpans(cells[0] ?? '').map((name): [string, string[]] => [name, cells]));
}

/** The same of a page. */
const rowsByName = (page: string) => namedRows(readDocument(page));

/** The different matches of a pattern's first group, sorted. */
function found(text: string, pattern: RegExp): string[] {
  return [...new Set(Array.from(text.matchAll(pattern), ([, match = '']) => match))].sort();
}

/** Calls a function with what its types forbid. */
function call(target: (...args: never[]) => unknown, ...args: unknown[]): unknown {
  return Reflect.apply(target, undefined, args);
}

/** A default as the reference writes it. */
function shown(name: string, value: unknown): string {
  if (name === 'onError') {
    return 'prints the stack to stderr';
  }
  return value === undefined ? 'none' : `\`${inspect(value)}\``;
}

/** A number with its unit, as in "64 KiB", in bytes or ms; undefined for anything else. */
function quantityOf(text: string): number | undefined {
  const [, count, unit = ''] = /^(\d+) (\w+)$/.exec(text) ?? [];
  const factor = { KiB: 1024, MiB: 1024 ** 2, s: 1000 }[unit];
  return factor === undefined ? undefined : Number(count) * factor;
}

describe(OPTIONS, () => {
  const [options = '', adapter = ''] = readDocument(OPTIONS).split('\n## The adapter of cluster\n');
  const rows = namedRows(options);

  it('has every option once, and no other', () => {
    assert.deepEqual(rows.map(([name]) => name).sort(), Object.keys(defaultOptions).sort());
  });

  for (const [name, value] of Object.entries(defaultOptions)) {
    it(`has the default of ${name}`, () => {
      const cell = rows.find(([option]) => option === name)?.[1][2] ?? '';
      const [, plain, inUnits] = /^(.*?)(?: \((\d.*)\))?(?: \(none\))?$/.exec(cell) ?? [];
      assert.equal(plain, shown(name, value));
      if (inUnits !== undefined) {
        assert.equal(quantityOf(inUnits), value, cell);
      }
    });
  }

  describe('the adapter of cluster', () => {
    const settings = namedRows(adapter);
    const {
      registry: _registry,
      name: _name,
      listen: _listen,
      ...defaults
    } = resolveCluster({ name: 'x', registry: new MemoryRegistry(memoryStore()) });
    const cellOf = (name: string) => settings.find(([setting]) => setting === name)?.[1][2] ?? '';

    it('has every setting once, and no other', () => {
      const names = ['name', 'prefix', 'listen', ...Object.keys(defaults)];
      assert.deepEqual(settings.map(([name]) => name).sort(), names.sort());
    });

    for (const [name, value] of Object.entries(defaults)) {
      it(`has the default of ${name}`, () => {
        const [, plain, inUnits] = /^(.*?)(?: \((\d.*)\))?$/.exec(cellOf(name)) ?? [];
        assert.equal(plain, shown(name, value));
        assert.equal(inUnits && quantityOf(inUnits), typeof value === 'number' ? value : undefined);
      });
    }

    it('has the default of prefix', async () => {
      const keys: (string | undefined)[] = [];
      const client = {
        isOpen: true,
        sendCommand: async ([, , , key]: string[]) => {
          keys.push(key);
          throw new Error('there is no Redis');
        },
      };
      await assert.rejects(redisCluster(client, { name: 'x' }).registry.find('y'));
      assert.ok(keys[0]?.startsWith(`{${codeSpans(cellOf('prefix'))[0]?.replaceAll("'", '')}:x}:`), keys[0]);
    });

    it('has the default of listen', async () => {
      const store = memoryStore();
      const { cluster, close } = sockjs({ cluster: { name: 'x', registry: new MemoryRegistry(store) } }, () => {});
      afterTest(async () => {
        await close();
      });
      await new Promise((resolve) => cluster?.once('status', resolve));
      const [lease] = store.leases.values();
      const [host, port] = lease?.value.node.address.split(':') ?? [];
      assert.equal(cellOf('listen'), `\`${inspect({ host, port: 0 })}\``);
      assert.notEqual(port, '0');
    });
  });
});

describe('the short table of options in README.md', () => {
  const quantities = rowsByName('README.md').flatMap(([name, [, cell = '']]) => {
    const quantity = quantityOf(cell);
    return quantity === undefined ? [] : [{ name, quantity }];
  });

  it('has quantities', () => {
    assert.ok(quantities.length > 0);
  });

  for (const { name, quantity } of quantities) {
    it(`has the default of ${name}`, () => {
      assert.equal(quantity, Object.entries(defaultOptions).find(([option]) => option === name)?.[1]);
    });
  }
});

describe(MESSAGES, () => {
  it('has every warning of the code, and no other', () => {
    const warnings = found(SOURCE, /'(SOCKJS_\w+)'/g);
    assert.ok(warnings.length > 0);
    assert.deepEqual(found(readDocument(MESSAGES), /^\| `(SOCKJS_\w+)` \|/gm), warnings);
    assert.deepEqual(found(readDocument(MESSAGES), /Warning `(SOCKJS_\w+)`/g), warnings);
  });

  const options = {};
  const mistakes: Readonly<Record<string, () => unknown>> = {
    "app.use('/echo', sockjs)": () => call(sockjs, new IncomingMessage(new Socket()), {}, () => {}),
    'sockjs()': () => call(sockjs),
    'sockjs(options)': () => call(sockjs, options),
    heartbeat_delay: () => call(sockjs, { heartbeat_delay: 1 }, () => {}),
    'attachUpgrade(app)': () => call(attachUpgrade, express()),
    'upgradeHandler(options)': () => call(upgradeHandler, options),
    'sockjs(app)': () => call(sockjs, express()),
    'sockjs(server)': () => call(sockjs, createServer()),
    'session.send(object)': () => call(Session.prototype.send, {}),
  };

  for (const [mistake, make] of Object.entries(mistakes)) {
    it(`has the message that ${mistake} brings`, () => {
      const [, told = ''] = rowsByName(MESSAGES).find(([name]) => name === mistake)?.[1] ?? [];
      const [message = '', isCut] = (codeSpans(told).at(-1) ?? '').split(/(…)$/);
      assert.notEqual(message, '');
      assert.throws(make, (error: Error) => {
        const given = error.message.slice(0, isCut ? `sockjs: ${message}`.length : undefined);
        assert.equal(given, `sockjs: ${message}`);
        return true;
      });
    });
  }
});

describe(DIAGNOSTICS, () => {
  const sectionOf = (title: string) =>
    readDocument(DIAGNOSTICS)
      .split(/^## /m)
      .find((section) => section.startsWith(`${title}\n`)) ?? assert.fail(title);
  const membersIn = (title: string) =>
    tableRows(sectionOf(title))
      .flatMap(([cell = '']) => codeSpans(cell))
      .sort();

  it('has every channel of the code, and no other', () => {
    const channels = found(SOURCE, /\bchannel\('(sockjs:[^']+)'\)/g);
    assert.ok(channels.length > 0);
    assert.deepEqual(found(readDocument(DIAGNOSTICS), /^\| `(sockjs:[\w:]+)` \|/gm), channels);
  });

  it('has every reason for a refusal, and no other', () => {
    const [, type = ''] = /export type RejectionReason =([^;]*);/.exec(SOURCE) ?? [];
    const [, section = ''] = /^## Reasons for a refusal\n(.*?)^## /ms.exec(readDocument(DIAGNOSTICS)) ?? [];
    assert.deepEqual(found(section, /^\| `([\w-]+)` \|/gm), found(type, /'([\w-]+)'/g));
  });

  it('has every member of stats(), and no other', () => {
    const [, type = ''] = /export interface SockjsStats \{(.*?)^\}/ms.exec(SOURCE) ?? [];
    assert.deepEqual(membersIn('stats()'), found(type, /^ {2}readonly (\w+)\??:/gm));
  });

  it('has every member of stats().cluster, and no other', () => {
    const [, type = ''] = /export interface ClusterStats \{(.*?)^\}/ms.exec(SOURCE) ?? [];
    assert.deepEqual(membersIn('stats().cluster'), found(type, /^ {2}readonly (\w+):/gm));
  });

  it('has every cause of the end of a link, and of a connection that becomes none', () => {
    const causesOf = (type: string) => {
      const [, union = ''] = new RegExp(`export type ${type} =([^;]*);`).exec(SOURCE) ?? [];
      return found(union, /'([\w-]+)'/g);
    };
    const [ended, dialled, refused] = ['LinkEnd', 'DialFailure', 'ListenerRefusal'].map(causesOf);
    const failed = new Set([...(dialled ?? []), ...(refused ?? []), ...Object.keys(HANDSHAKE_CLOSE)]);
    const rows = tableRows(sectionOf('Channels of the cluster'));
    const causesBy = (event: string) =>
      rows.flatMap(([cause = '', events = '']) => (codeSpans(events).includes(event) ? codeSpans(cause) : []));
    assert.deepEqual(causesBy('ended').sort(), ended);
    assert.deepEqual(causesBy('failed').sort(), [...failed].sort());
  });
});

describe('docs/reference/session.md', () => {
  it('has every close code with its name', () => {
    const rows = tableRows(readDocument('docs/reference/session.md')).filter(([code = '']) => /^\d+$/.test(code));
    assert.deepEqual(
      Object.fromEntries(rows.map(([code, name = '']) => [codeSpans(name)[0], Number(code)])),
      CloseCode,
    );
  });
});

describe('docs/guide/scale-out.md', () => {
  it('gives the user of Redis the rights that the scripts need, for the keys of the endpoint', () => {
    const [, rights] =
      /ACL SETUSER .* -@all ~\{sockjs:chat\}:\* (.*)/.exec(readDocument('docs/guide/scale-out.md')) ?? [];
    assert.equal(rights, RIGHTS);
  });
});
