/** The handshake of two nodes, as bytes. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import {
  commonVersion,
  DiallerHandshake,
  type LinkVersions,
  ListenerHandshake,
} from '../../../lib/cluster/handshake.ts';
import { property } from '../../support/property.ts';

const TOKEN = 'a token of 16 characters or more';

function listener({ id = 'listener', token = TOKEN, versions = [1, 1] as LinkVersions } = {}): ListenerHandshake {
  return new ListenerHandshake({ id, versions }, token);
}

function dialler({ id = 'dialler', node = 'listener', token = TOKEN, versions = [1, 1] as LinkVersions } = {}) {
  return new DiallerHandshake({ id, versions }, { id: node, token });
}

/** The answer of a dialler to a listener that it expects. */
function answerOf(from: DiallerHandshake, to: ListenerHandshake): Buffer {
  const check = from.check(to.challenge);
  assert.equal(check.kind, 'expected');
  return check.answer;
}

describe('the handshake of two nodes', () => {
  it('succeeds with the token of the listener, and tells each side whom it talks to', () => {
    const [one, other] = [listener(), dialler({ id: 'dialler-2.a' })];
    const check = one.check(answerOf(other, one));
    assert.ok(check.kind === 'proven');
    assert.equal(check.peer, 'dialler-2.a');
    assert.equal(check.version, 1);
    assert.equal(other.isConfirmed(check.confirmation), true);
  });

  it('sends no message that holds the token', () => {
    const [one, other] = [listener(), dialler()];
    const answer = answerOf(other, one);
    const check = one.check(answer);
    assert.ok(check.kind === 'proven');
    for (const bytes of [one.challenge, answer, check.confirmation]) {
      assert.equal(bytes.includes(TOKEN), false);
    }
  });

  it('ends at the listener for another token', () => {
    const one = listener();
    assert.deepEqual(one.check(answerOf(dialler({ token: `${TOKEN}.` }), one)), { kind: 'unproven' });
  });

  it('ends at the dialler for a listener with another token', () => {
    const one = listener({ token: `${TOKEN}.` });
    const other = dialler();
    answerOf(other, one);
    // What such a listener could make of its own.
    const impostor = dialler({ token: `${TOKEN}.` });
    const check = one.check(answerOf(impostor, one));
    assert.ok(check.kind === 'proven');
    assert.equal(other.isConfirmed(check.confirmation), false);
  });

  it('ends at the dialler for another node', () => {
    const one = listener({ id: 'somewhere-else' });
    assert.deepEqual(dialler().check(one.challenge), { kind: 'other-node', id: 'somewhere-else' });
  });

  it('takes no answer that was made for another challenge', () => {
    const [one, again] = [listener(), listener()];
    assert.deepEqual(again.check(answerOf(dialler(), one)), { kind: 'unproven' });
  });

  it('takes no confirmation that was made for another answer', () => {
    const one = listener();
    const [first, second] = [dialler(), dialler()];
    const check = one.check(answerOf(first, one));
    assert.ok(check.kind === 'proven');
    answerOf(second, one);
    assert.equal(second.isConfirmed(check.confirmation), false);
  });

  it("takes no side's proof as the other side's", () => {
    const one = listener();
    const other = dialler();
    const answer = answerOf(other, one);
    // Layout, versions and nonce come before the proof.
    const proof = answer.subarray(35, 67);
    assert.equal(other.isConfirmed(Buffer.concat([Buffer.of(1), proof])), false);
    const check = one.check(answer);
    assert.ok(check.kind === 'proven');
    const reflected = Buffer.concat([answer.subarray(0, 35), check.confirmation.subarray(1), answer.subarray(67)]);
    assert.deepEqual(one.check(reflected), { kind: 'unproven' });
  });

  it('takes no confirmation before a challenge', () => {
    assert.equal(dialler().isConfirmed(Buffer.alloc(33)), false);
  });

  property(
    'ends for every answer with a changed byte',
    300,
    fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })),
    ([place, difference]) => {
      const one = listener({ versions: [1, 2] });
      const answer = answerOf(dialler({ versions: [1, 2] }), one);
      const i = place % answer.length;
      answer[i] = (answer[i] ?? 0) ^ difference;
      assert.notEqual(one.check(answer).kind, 'proven');
    },
  );

  property('ends for random bytes', 300, fc.uint8Array({ maxLength: 120 }), (bytes) => {
    assert.notEqual(listener().check(Buffer.from(bytes)).kind, 'proven');
    assert.notEqual(dialler().check(Buffer.from(bytes)).kind, 'expected');
    assert.equal(dialler().isConfirmed(Buffer.from(bytes)), false);
  });

  it('ends without a common version, at each side', () => {
    const old = listener({ versions: [1, 2] });
    assert.deepEqual(dialler({ versions: [3, 4] }).check(old.challenge), { kind: 'version' });
    // A dialler that does not look at the versions of the listener.
    const head = Buffer.concat([Buffer.of(1, 3, 4), Buffer.alloc(32, 'nonce')]);
    const proof = createHmac('sha256', TOKEN)
      .update(`sockjs link dialler\n${old.challenge.length} 35 7\n`)
      .update(old.challenge)
      .update(head)
      .update('dialler')
      .digest();
    assert.deepEqual(old.check(Buffer.concat([head, proof, Buffer.from('dialler')])), { kind: 'version' });
  });

  it('ends at the dialler for a record whose token could be guessed', () => {
    assert.deepEqual(dialler({ token: '' }).check(listener().challenge), { kind: 'unproven' });
    assert.deepEqual(dialler({ token: 'x'.repeat(15) }).check(listener().challenge), { kind: 'unproven' });
    assert.equal(dialler({ token: 'x'.repeat(16) }).check(listener().challenge).kind, 'expected');
  });

  it('refuses tokens that could be guessed, and ids that are none', () => {
    assert.throws(() => listener({ token: 'x'.repeat(15) }), RangeError);
    for (const id of ['', 'x'.repeat(65), 'a b', 'é', 'a\n']) {
      assert.throws(() => listener({ id }), RangeError);
      assert.throws(() => dialler({ id }), RangeError);
    }
  });
});

describe('commonVersion()', () => {
  for (const [one, other, expected] of [
    [[1, 1], [1, 1], 1],
    [[1, 2], [1, 2], 2],
    [[1, 2], [2, 3], 2],
    [[2, 3], [1, 2], 2],
    [[1, 2], [3, 4], undefined],
    [[3, 4], [1, 2], undefined],
  ] as const) {
    it(`is ${expected} for ${one.join(' to ')} and ${other.join(' to ')}`, () => {
      assert.equal(commonVersion(one, other), expected);
    });
  }
});
