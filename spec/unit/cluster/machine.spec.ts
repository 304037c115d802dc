/** What tells machines apart, and which addresses mean nothing on another one. */
import assert from 'node:assert/strict';
import { isLocalAddress, machineId } from '../../../lib/cluster/machine.ts';

describe('machineId()', () => {
  it('is short, and the same each time', () => {
    assert.match(machineId(), /^[\w-]{16}$/);
    assert.equal(machineId(), machineId());
  });
});

describe('isLocalAddress()', () => {
  for (const [address, isLocal] of [
    ['127.0.0.1:8000', true],
    ['127.1.2.3:8000', true],
    ['[::1]:8000', true],
    ['localhost:8000', true],
    ['/run/link.sock', true],
    ['10.0.0.1:8000', false],
    ['[fe80::1]:8000', false],
    ['127.example.org:8000', false],
    ['node-1.internal:8000', false],
    ['127.0.0.1:70000', false],
  ] as const) {
    it(`says ${isLocal ? 'yes' : 'no'} to ${address}`, () => {
      assert.equal(isLocalAddress(address), isLocal);
    });
  }
});
