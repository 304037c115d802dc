/** Where errors and warnings lead to. */
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { helpAt, withHelp } from '../../../lib/util/help.ts';
import { evaluate } from '../../support/child-process.ts';

const PLACE = 'express-sockjs/docs/reference/warnings-and-errors.md#sockjs_unread';

describe('helpAt()', () => {
  it('is a path below node_modules, with the anchor of a heading', () => {
    assert.equal(helpAt('sockjs_unread'), PLACE);
  });
});

describe('withHelp()', () => {
  it('leaves the error as it is, and has it printed with the place', () => {
    const cause = new Error('why');
    const error = new RangeError('sockjs: wrong', { cause });
    assert.equal(withHelp('sockjs_unread', error), error);
    assert.deepEqual([error.name, error.message, error.cause], ['RangeError', 'sockjs: wrong', cause]);
    assert.match(inspect(error), /\bhelp: 'express-sockjs\/docs\/reference\/warnings-and-errors\.md#sockjs_unread'/);
  });
});

describe('warnOnce()', () => {
  it('prints the place below the message, once', async () => {
    const printed = await evaluate(`
      import { warnOnce, hasWarned } from './lib/util/warn-once.ts';
      const warnings = [];
      process.on('warning', ({ code, message, detail }) => warnings.push({ code, message, detail }));
      const before = hasWarned('SOCKJS_UNREAD');
      warnOnce('SOCKJS_UNREAD', 'sockjs: one');
      warnOnce('SOCKJS_UNREAD', 'sockjs: another');
      await new Promise(setImmediate);
      console.log(JSON.stringify({ before, after: hasWarned('SOCKJS_UNREAD'), warnings }));
    `);
    assert.deepEqual(printed, {
      before: false,
      after: true,
      warnings: [{ code: 'SOCKJS_UNREAD', message: 'sockjs: one', detail: PLACE }],
    });
  });
});
