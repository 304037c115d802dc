/** Close codes: their names, which an application may use, and which travel on a WebSocket (docs/protocol.md). */
import assert from 'node:assert/strict';
import { assertClosable, CloseCode, webSocketCloseCode } from '../../../lib/protocol/close-code.ts';

describe('CloseCode', () => {
  it('names the codes that the server gives', () => {
    assert.deepEqual(CloseCode, {
      Normal: 1000,
      GoingAway: 1001,
      Interrupted: 1002,
      UnsupportedData: 1003,
      NoStatus: 1005,
      Abnormal: 1006,
      InvalidPayload: 1007,
      MessageTooBig: 1009,
      InternalError: 1011,
      SessionLost: 1012,
      TryAgainLater: 1013,
      AnotherConnection: 2010,
    });
  });
});

describe('assertClosable()', () => {
  it('takes every integer from 1000 to 4999 but those that may only be reported', () => {
    for (let code = 900; code <= 5100; code++) {
      const check = () => assertClosable(code, '');
      if (code < 1000 || code > 4999 || [1004, 1005, 1006, 1015].includes(code)) {
        assert.throws(check, RangeError, String(code));
      } else {
        assert.doesNotThrow(check, String(code));
      }
    }
  });

  it('refuses what is no integer, and names it', () => {
    for (const code of [Number.NaN, Number.POSITIVE_INFINITY, 1000.5, '1000', null, {}, Symbol('x'), 1000n]) {
      assert.throws(() => assertClosable(code as number, ''), RangeError);
    }
    assert.throws(() => assertClosable(5000, ''), { name: 'RangeError', message: /\b5000\b/ });
  });

  it('counts the reason in bytes of UTF-8', () => {
    assert.doesNotThrow(() => assertClosable(3000, 'x'.repeat(123)));
    assert.doesNotThrow(() => assertClosable(3000, '€'.repeat(41)));
    assert.throws(() => assertClosable(3000, 'x'.repeat(124)), { name: 'RangeError', message: /\b123 bytes/ });
    assert.throws(() => assertClosable(3000, '€'.repeat(42)), RangeError);
    assert.throws(() => assertClosable(3000, '\u{1f600}'.repeat(31)), RangeError);
  });

  it('refuses a reason that is no string', () => {
    for (const reason of [undefined, null, 1, {}, ['x'], Buffer.from('x')]) {
      assert.throws(() => assertClosable(3000, reason as string), TypeError);
    }
  });
});

describe('webSocketCloseCode()', () => {
  it('puts 1000 in place of the codes that may not be sent', () => {
    for (const code of [1000, 1001, 1003, 1011, 1014, 3000, 4999]) {
      assert.equal(webSocketCloseCode(code), code);
    }
    for (const code of [1016, 1999, 2000, 2010, 2999]) {
      assert.equal(webSocketCloseCode(code), 1000);
    }
  });
});
