/** Some seconds of what `npm run soak` does for minutes, on three servers at the same time. */
import assert from 'node:assert/strict';
import { slowReaders } from './stall-clients.ts';
import { FLUSH_TIMEOUT, type StallMoment } from './stall-protocol.ts';
import { LIMITS, type StallsResult, summarize } from './stall-report.ts';
import { type Stall, type StallsOptions, stalls } from './stalls.ts';

/** Every time limit of a server, in ms: enough for clients on a slow machine, and for those that read megabytes. */
const LIMIT = 1200;
const LONG_LIMIT = 2000;

/** How often a run is tried in which the clients themselves may have been late. */
const TRIES = 3;

const RUNS: readonly StallsOptions[] = [
  {
    limit: LIMIT,
    seed: 1,
    // At 0.98, limits run out just after the stall, before Node has accepted all connections that wait.
    plan: plan(['broadcast', 0.5], ['broadcast', 0.98], ['broadcast', 1], ['broadcast', 3], ['request', 1]),
    closing: 0.5,
  },
  {
    limit: LIMIT,
    seed: 2,
    plan: plan(['message', 1], ['request', 0.5], ['timer', 3], ['twice', 1]),
    closing: 1,
  },
  {
    limit: LONG_LIMIT,
    seed: 3,
    plan: plan(['broadcast', 0.5], ['broadcast', 1], ['broadcast', 3]),
    closing: 0.5,
    roles: slowReaders(),
    speed: FLUSH_TIMEOUT / LONG_LIMIT,
  },
];

describe('when the event loop of the server is blocked', () => {
  let results: readonly StallsResult[] = [];

  before(async function () {
    this.timeout(600_000);
    results = await Promise.all(RUNS.map(undisturbed));
  });

  for (const limit of LIMITS) {
    it(`no client that was in time dies of ${limit}`, () => {
      assertNone(
        results.flatMap(({ seed, failures }) =>
          summarize({ seed, failures: failures.filter((failure) => failure.limit === limit) }),
        ),
      );
    });
  }

  it('all that are gone are ended once it runs freely', () => {
    assertNone(results.flatMap(({ left }) => left));
    assert.ok(results.some(({ deadPeers }) => deadPeers > 0));
  });

  it('nothing wrong reaches the application, and nothing is printed', () => {
    assertNone(results.flatMap(({ wrong }) => wrong));
  });
});

function assertNone(lines: readonly string[]): void {
  assert.ok(lines.length === 0, lines.join('\n'));
}

function plan(...all: [moment: StallMoment, factor: number][]): Stall[] {
  return all.map(([moment, factor]) => ({ moment, factor }));
}

/** Does a run, and does it again when its only deaths are excused. */
async function undisturbed(options: StallsOptions): Promise<StallsResult> {
  for (let i = 1; ; i++) {
    const result = await stalls(options);
    const isDoubtful = result.failures.length > 0 && result.failures.every(({ isExcused }) => isExcused);
    if (!isDoubtful || i === TRIES) {
      return result;
    }
  }
}
