/** Thirty thousand hostile connections; `npm run fuzz` sends a million. */
import { fuzz } from './fuzz.ts';
import { fuzzLinks } from './link-fuzz.ts';
import { fuzzNodes } from './node-fuzz.ts';

describe('under hostile input', () => {
  it('lives on, answers or closes every connection, and leaves nothing behind', async function () {
    this.timeout(600_000);
    await fuzz({ seed: 1, cases: 20_000 });
  });

  for (const upgrades of ['upgradeHandler', 'router.handleUpgrade'] as const) {
    it(`lives on where ${upgrades}() handles the upgrades`, async function () {
      this.timeout(600_000);
      await fuzz({ seed: 2, cases: 5_000, upgrades });
    });
  }

  it('does so at the listener for links, too, and serves the links of other nodes', async function () {
    this.timeout(600_000);
    await fuzzLinks({ seed: 1, cases: 2000 });
  });

  it('keeps sessions of a cluster from hostile nodes at either end of a link, and from a forged registry', async function () {
    this.timeout(600_000);
    await fuzzNodes({ seed: 1, cases: 1000 });
  });
});
