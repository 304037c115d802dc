/** Commands that wait for others, fail, or are too many. */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { Background, MAX_WAITING } from '../../../lib/cluster/background.ts';

/** Commands that settle when a test says so. */
class Commands {
  readonly begun: number[] = [];
  readonly #settle: ((error?: Error) => void)[] = [];

  make(number: number): () => Promise<unknown> {
    return () => {
      this.begun.push(number);
      return new Promise<void>((resolve, reject) => {
        this.#settle.push((error) => (error === undefined ? resolve() : reject(error)));
      });
    };
  }

  /** Settles all that have begun. */
  settle(error?: Error): void {
    for (const settle of this.#settle.splice(0)) {
      settle(error);
    }
  }
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

describe('Background', () => {
  it('has settled where there is nothing to do', async () => {
    await new Background().settled();
  });

  it('runs thousands of commands that come at once, in order, some at a time, failing ones included', async () => {
    const background = new Background();
    const commands = new Commands();
    for (const number of numbers(6000)) {
      background.run(commands.make(number));
    }
    assert.ok(commands.begun.length <= 1000, 'the registry refuses more');
    let isSettled = false;
    const settled = background.settled().then(() => {
      isSettled = true;
    });
    while (commands.begun.length < 6000) {
      assert.equal(isSettled, false);
      commands.settle(commands.begun.length < 3000 ? new Error('the registry is away') : undefined);
      await turn();
    }
    commands.settle();
    await settled;
    assert.deepEqual(commands.begun, numbers(6000));
  });

  it('goes on behind commands that throw, those of the queue included', async () => {
    const background = new Background();
    let thrown = 0;
    for (const _ of numbers(1500)) {
      background.run(() => {
        thrown += 1;
        throw new Error('the registry is broken');
      });
    }
    await background.settled();
    assert.equal(thrown, 1500);
  });

  it('gives up what comes while too much waits', async () => {
    const background = new Background();
    const commands = new Commands();
    for (const number of numbers(MAX_WAITING + 2000)) {
      background.run(commands.make(number));
    }
    const settled = background.settled();
    for (let before = -1; before < commands.begun.length; await turn()) {
      before = commands.begun.length;
      commands.settle();
      await turn();
    }
    await settled;
    assert.deepEqual(commands.begun, numbers(MAX_WAITING + 1000));
  });
});
