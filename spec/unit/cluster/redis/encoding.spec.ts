/** What is written in Redis is read back as it was, and nothing else is taken for it. */
import assert from 'node:assert/strict';
import { HOSTILE_TEXTS } from '../../../../lib/cluster/contract/fixtures.ts';
import {
  decodeEntry,
  decodeNode,
  encodeMark,
  encodeNode,
  encodeTombstone,
  Keys,
} from '../../../../lib/cluster/redis/encoding.ts';
import type { NodeRecord } from '../../../../lib/options/cluster-adapter.ts';

const NODE: NodeRecord = { id: 'a', address: 'a:1', token: 't', machine: 'm', versions: [1, 3] };

/** The part of a key that Redis Cluster hashes. */
function hashTagOf(key: string): string {
  return /\{([^}]+)\}/.exec(key)?.[1] ?? key;
}

describe('Keys', () => {
  const keys = new Keys('sockjs', 'chat');

  it('names what redis-cli shows', () => {
    assert.equal(keys.nodes, '{sockjs:chat}:nodes');
    assert.equal(keys.session('id'), '{sockjs:chat}:s:id');
  });

  it('are all in one slot of Redis Cluster, for ids of all kinds', () => {
    for (const id of HOSTILE_TEXTS) {
      assert.equal(hashTagOf(keys.session(id)), 'sockjs:chat', JSON.stringify(id));
    }
  });

  it('differ in UTF-8 where ids differ', () => {
    const written = HOSTILE_TEXTS.map((id) => Buffer.from(keys.session(id)).toString('hex'));
    assert.equal(new Set([...written, Buffer.from(keys.nodes).toString('hex')]).size, HOSTILE_TEXTS.length + 1);
  });

  it('of two clusters differ', () => {
    const others = [new Keys('sockjs', 'chat2'), new Keys('sockjs2', 'chat'), new Keys('a', 'b')];
    assert.equal(new Set([keys, ...others].map((each) => each.session('id'))).size, 4);
  });
});

describe('entries', () => {
  it('of owners are read as they were written', () => {
    for (const owner of [
      { nodeId: '0123456789abcdef01234567', reservation: 0 },
      { nodeId: 'a:1', reservation: 2 },
      { nodeId: 'line\nbreak', reservation: Number.MAX_SAFE_INTEGER },
    ]) {
      assert.deepEqual(decodeEntry(encodeMark(owner)), { kind: 'owned', owner });
    }
  });

  it('of ended sessions are read as they were written, for reasons of all kinds', () => {
    for (const reason of [...HOSTILE_TEXTS, '', '"]:1', ':1']) {
      const tombstone = { code: 1012, reason, identityHash: reason };
      // What UTF-8 makes of it on its way.
      assert.deepEqual(decodeEntry(Buffer.from(encodeTombstone(tombstone)).toString()), { kind: 'ended', tombstone });
    }
  });

  for (const text of [
    '',
    'a',
    'a:',
    ':1',
    'a:1 ',
    'a:-1',
    '[]',
    '[1,"",2]',
    '["1","",""]',
    '{"0":1}',
    'null',
    '[1,"",""',
  ]) {
    it(`are not ${JSON.stringify(text)}`, () => {
      assert.throws(() => decodeEntry(text), /holds something else; give the cluster a name of its own/);
    });
  }
});

describe('records of nodes', () => {
  it('are read as they were written', () => {
    for (const token of HOSTILE_TEXTS) {
      const node = { ...NODE, token };
      assert.deepEqual(decodeNode(Buffer.from(encodeNode(node)).toString()), node);
    }
  });

  it('may say more than this release understands', () => {
    assert.deepEqual(decodeNode('["a","a:1","t","m",1,3,{"more":true}]'), NODE);
  });

  for (const text of [
    '',
    '[',
    'null',
    '{}',
    '[1,"a:1","t","m",1,3]',
    '["a",1,"t","m",1,3]',
    '["a","a:1",1,"m",1,3]',
    '["a","a:1","t",1,1,3]',
    '["a","a:1","t","m","1",3]',
    '["a","a:1","t","m",1]',
  ]) {
    it(`are nothing where they are ${JSON.stringify(text)}`, () => {
      assert.equal(decodeNode(text), undefined);
    });
  }
});
