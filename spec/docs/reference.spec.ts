/** The tables of the reference, held against the code that they describe. */
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { HANDSHAKE_CLOSE } from '../../lib/cluster/handshake.ts';
import { RIGHTS } from '../../lib/cluster/redis/scripts.ts';
import { CloseCode, defaultOptions, Session, sockjs } from '../../lib/index.ts';
import { resolveCluster } from '../../lib/options/cluster-settings.ts';
import { TRANSPORTS } from '../../lib/protocol/transports.ts';
import { redisCluster } from '../../lib/redis.ts';
import { afterTest } from '../support/cleanup.ts';
import { MemoryRegistry, memoryStore } from '../support/cluster/memory-registry.ts';
import { codeSpans, readDocument, tableRows } from './support/markdown.ts';
import { declaredIn, found, kindsIn, namedRows, quantityOf, SOURCE, shown } from './support/reference.ts';

const DECLARED = readDocument('lib/options/options.ts');

const OPTIONS = 'docs/reference/options.md';
const SESSION = 'docs/reference/session.md';
const ROUTER = 'docs/reference/router.md';
const EXPORTS = 'docs/reference/exports.md';
const START = 'docs/guide/getting-started.md';
const DIAGNOSTICS = 'docs/reference/channels.md';

/** The rows of a page whose first cell is code, by that code. */
const rowsByName = (page: string) => namedRows(readDocument(page));

/** What an export is, as the reference writes it; one without a value is a type. */
function kindOf(value: unknown): string {
  if (typeof value !== 'function') {
    return value === undefined ? 'type' : 'object';
  }
  return /^class\b/.test(Function.prototype.toString.call(value)) ? 'class' : 'function';
}

describe(OPTIONS, () => {
  const [options = '', adapter = ''] = readDocument(OPTIONS).split('\n## The adapter of cluster\n');
  const written = Array.from(
    options.matchAll(/^### `(\w+)`\n\nType: (.+) · Default: (.+)\n\n(?!#)/gm),
    ([, name = '', type = '', text = '']): [name: string, text: string, type: string] => [name, text, type],
  );

  it('has every option once, under a heading of its own, and no other', () => {
    assert.deepEqual(written.map(([name]) => name).sort(), Object.keys(defaultOptions).sort());
    assert.equal(written.length, options.match(/^### /gm)?.length);
  });

  for (const [name, value] of Object.entries(defaultOptions)) {
    it(`has the default of ${name}`, () => {
      const [, text = ''] = written.find(([option]) => option === name) ?? [];
      const [, plain, inUnits] = /^(.*?)(?: \((\d.*)\))?(?: \(none\))?$/.exec(text) ?? [];
      assert.equal(plain, shown(name, value));
      if (inUnits !== undefined) {
        assert.equal(quantityOf(inUnits), value, text);
      }
    });
  }

  for (const [name, , type] of written) {
    it(`has the type of ${name}`, () => {
      const [, declared = ''] = new RegExp(`^ {2}${name}\\?: (.+) \\| undefined;$`, 'm').exec(DECLARED) ?? [];
      assert.notEqual(declared, '');
      // A union that has a name of its own: its parts are in that type.
      const [, alias] = /^(\w+)(?:<\w+>)?$/.exec(declared) ?? [];
      const [, union = declared] = new RegExp(`^export type ${alias}\\b[^\\n]* =\\s(.*?);$`, 'ms').exec(DECLARED) ?? [];
      assert.deepEqual(kindsIn(type), kindsIn(union), `${type} stands for ${union}`);
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

describe(`the short table of options in ${START}`, () => {
  const quantities = rowsByName(START).flatMap(([name, [, cell = '']]) => {
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

describe(EXPORTS, () => {
  const { exports } = JSON.parse(readDocument('package.json'));
  const entries = Object.keys(exports).filter((entry) => !entry.endsWith('.json'));
  const sections = readDocument(EXPORTS).split(/^## /m).slice(1);

  it('has every entry, and no other', () => {
    const names = entries.map((entry) => entry.replace('.', 'express-sockjs'));
    assert.deepEqual(
      sections.map((section) => section.split('\n', 1)[0]),
      names,
    );
  });

  for (const [i, entry] of entries.entries()) {
    it(`has each export of ${entry} with its kind, and no other`, async () => {
      const name = entry === '.' ? 'index' : entry.slice(2);
      const module: Record<string, unknown> = await import(`../../lib/${name}.ts`);
      const clauses = readDocument(`lib/${name}.ts`).matchAll(/^export (type )?\{([^}]*)\}/gm);
      const names = [...clauses].flatMap(([, , list = '']) => list.split(',')).map((item) => item.trim());
      const exported = names.filter(Boolean).map((item) => item.replace(/^type |^\w+ as /, ''));
      assert.ok(exported.length > 0);
      const rows = namedRows(sections[i] ?? '').map(([symbol, [, kind]]) => [symbol, kind]);
      assert.deepEqual(rows.sort(), exported.map((symbol) => [symbol, kindOf(module[symbol])]).sort());
    });
  }
});

/** The rows below a heading of a page, by the names of the members in their first cells, without arguments. */
function membersBelow(page: string, heading: string): string[] {
  const [, section = ''] = readDocument(page).split(`\n## ${heading}\n`);
  const names = namedRows(section.split('\n## ')[0] ?? '').map(([name]) => name);
  return names.map((name) => name.replace(/\((?!room\)\.).*$/s, '')).sort();
}

describe(SESSION, () => {
  const events = declaredIn('SessionEvents');

  it('has every event, and no other', () => {
    assert.ok(events.length > 0);
    assert.deepEqual(membersBelow(SESSION, 'Events'), events);
  });

  it('has every member, and no other', () => {
    const own = Object.getOwnPropertyNames(Session.prototype);
    const inherited = ['constructor', 'on', 'addListener', 'prependListener'];
    const fields = ['id', 'request', 'data', 'for await '];
    assert.deepEqual(
      membersBelow(SESSION, 'Members'),
      [...own.filter((name) => !inherited.includes(name)), ...fields].sort(),
    );
  });

  it('has every state', () => {
    const [, union = ''] = /export type SessionState =([^;]*);/.exec(SOURCE) ?? [];
    const [, [, told = ''] = []] = rowsByName(SESSION).find(([name]) => name === 'state') ?? [];
    assert.deepEqual(codeSpans(told).sort(), found(union, /'(\w+)'/g));
  });

  it('has every transport', () => {
    const [, [, told = ''] = []] = rowsByName(SESSION).find(([name]) => name === 'transport') ?? [];
    assert.deepEqual(codeSpans(told).sort(), [...new Set(Object.values(TRANSPORTS).map(({ name }) => name))].sort());
  });
});

describe(ROUTER, () => {
  const roomMembers = declaredIn('Room').map((name) => `to(room).${name}`);

  it('has every member of the router and of a room, and no other', () => {
    const router = declaredIn('SockjsRouter').filter((name) => name !== 'to');
    assert.ok(router.length > 5 && roomMembers.length > 0);
    assert.deepEqual(membersBelow(ROUTER, 'Members'), [...router, ...roomMembers].sort());
  });

  it('has every member and every event of the cluster, and no other', () => {
    assert.deepEqual(membersBelow(ROUTER, 'router.cluster'), [...declaredIn('Cluster'), 'on', 'off', 'once'].sort());
    assert.deepEqual(declaredIn('ClusterEvents'), ['status'], 'name each event');
  });
});

describe('docs/reference/close-codes.md', () => {
  const rows = tableRows(readDocument('docs/reference/close-codes.md')).filter(([, name = '']) => /^`\w+`$/.test(name));

  it('has every close code with its name', () => {
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
