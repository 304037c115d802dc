/** Fails a test at once when a program ends that it depends on; where a test fails, shows what programs have printed. */
import { failedPrograms, livePrograms, onFailure, outputOfPrograms } from './process-monitor.ts';

/**
 * ms that a failing test waits for a program that may be ending: a test sees its connection break before Node hears of
 * the end of the process. What happens later is not told by this test, but by the next, or by the end of the suite.
 */
const GRACE = 300;

/** The real one, which a test's clock does not stop. */
const { setTimeout } = globalThis;

/** Has a test that is about to run fail as soon as a program does. */
export function guardTest(test: Mocha.Test | undefined): void {
  const body = test?.fn;
  // A test that takes a callback gives no promise to race against.
  if (test !== undefined && body !== undefined && body.length === 0) {
    test.fn = function (this: Mocha.Context): unknown {
      const result: unknown = Reflect.apply(body, this, []);
      return result instanceof Promise ? guard(result) : result;
    };
  }
}

async function guard(result: Promise<unknown>): Promise<void> {
  let stopListening = () => {};
  const failed = new Promise<void>((resolve) => {
    stopListening = onFailure(resolve);
  });
  const rejections: unknown[] = [];
  try {
    await Promise.race([failed, result]);
  } catch (error) {
    rejections.push(error);
    if (livePrograms().length > 0) {
      await Promise.race([failed, new Promise((resolve) => setTimeout(resolve, GRACE))]);
    }
  } finally {
    stopListening();
  }
  const failure = reportFailures(rejections[0]);
  if (failure !== undefined) {
    throw failure;
  }
  for (const error of rejections) {
    throw error;
  }
}

/** What there is to say about programs that have failed; `cause` is what the test itself says. */
function reportFailures(cause: unknown): Error | undefined {
  const failures = failedPrograms();
  for (const monitor of failures) {
    monitor.isReported = true;
  }
  const message = failures.map(({ failure }) => failure?.message).join('\n');
  return message === '' ? undefined : new Error(message, { cause });
}

/** Prints what programs have printed where the test has failed for another reason; called after each test. */
export function showOutput(test: Mocha.Test | undefined): void {
  const output = test?.state === 'failed' ? outputOfPrograms() : '';
  if (output !== '') {
    console.error(output.replace(/^/gm, '      '));
  }
}
