/** An application of NestJS 11 in Nest's usual layout, which installs the package and is tested by Jest. */
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expectSuccess, install, type Packed, pack, ROOT } from '../package/support/tarball.ts';

describe('an application of NestJS 11 that installs the package', function () {
  // Installing takes what the network takes.
  this.timeout(300_000);

  let packed: Packed;
  let project = '';

  before('packs and installs', async () => {
    packed = await pack();
    project = join(packed.work, 'nest-app');
    await cp(join(ROOT, 'spec/frameworks/nest-app'), project, { recursive: true });
    await install(project, [packed.tarball]);
  });

  after(() => rm(packed.work, { recursive: true, force: true }));

  it('compiles', () => expectSuccess(project, 'typescript/bin/tsc', '--noEmit'));

  it('passes its unit tests in Jest', () => expectSuccess(project, 'jest/bin/jest.js'));

  it('passes its end-to-end tests in Jest', () =>
    expectSuccess(project, 'jest/bin/jest.js', '--testTimeout', '120000', '--config', 'test/jest-e2e.json'));
});
