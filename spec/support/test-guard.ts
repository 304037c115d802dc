/**
 * Fails a test at once when a program that it depends on ends. After any failure it prints the output of the programs.
 */
import { failedPrograms, livePrograms, onFailure, outputOfPrograms } from './process-monitor.ts';

/**
 * ms that a failed test waits for programs that may be ending, since a connection breaks before Node reports the end of
 * the process. A later end fails the next test, or the suite.
 */
const GRACE = 300;

/** The timer of Node. A test's clock does not stop it. */
const { setTimeout } = globalThis;

/** Makes a test that is about to run fail as soon as a program fails. */
export function guardTest(test: Mocha.Test | undefined): void {
  const body = test?.fn;
  // A test that takes a callback returns no promise to race against.
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

/** Returns an error about the programs that have failed. `cause` is the error of the test itself. */
function reportFailures(cause: unknown): Error | undefined {
  const failures = failedPrograms();
  for (const monitor of failures) {
    monitor.isReported = true;
  }
  const message = failures.map(({ failure }) => failure?.message).join('\n');
  return message === '' ? undefined : new Error(message, { cause });
}

/** After each test: prints the output of the programs if the test failed for another reason. */
export function showOutput(test: Mocha.Test | undefined): void {
  const output = test?.state === 'failed' ? outputOfPrograms() : '';
  if (output !== '') {
    console.error(output.replace(/^/gm, '      '));
  }
}
