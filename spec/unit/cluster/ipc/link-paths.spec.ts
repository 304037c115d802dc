/** The folder of the sockets of workers. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { parseAddress } from '../../../../lib/cluster/address.ts';
import { type LinkPaths, makeLinkPaths, newLinkPath } from '../../../../lib/cluster/ipc/link-paths.ts';
import { afterTest } from '../../../support/cleanup.ts';
import { until } from '../../../support/link-nodes.ts';

function make(): LinkPaths {
  const paths = makeLinkPaths();
  afterTest(() => paths.remove());
  return paths;
}

/** Sets the temporary folder for the rest of the test. */
function setTemporaryFolder(path: string): void {
  const { TMPDIR } = process.env;
  process.env['TMPDIR'] = path;
  afterTest(() => {
    if (TMPDIR === undefined) {
      delete process.env['TMPDIR'];
    } else {
      process.env['TMPDIR'] = TMPDIR;
    }
  });
}

describe('makeLinkPaths()', () => {
  it('makes a folder in the temporary folder that no other user can open', () => {
    const { prefix } = make();
    const { mode } = statSync(prefix);
    assert.equal(dirname(prefix), tmpdir());
    assert.equal(mode & 0o777, 0o700);
  });

  it('makes another one each time', () => {
    assert.notEqual(make().prefix, make().prefix);
  });

  it('removes the folder with all that is in it, and may be called again', () => {
    const paths = make();
    writeFileSync(newLinkPath(paths.prefix), '');
    paths.remove();
    assert.equal(existsSync(paths.prefix), false);
    paths.remove();
  });

  it('makes the folder again where it was removed, and leaves it alone where it is there', () => {
    const paths = make();
    const socket = newLinkPath(paths.prefix);
    writeFileSync(socket, '');
    paths.restore();
    assert.equal(existsSync(socket), true);
    rmSync(paths.prefix, { recursive: true });
    paths.restore();
    assert.equal(statSync(paths.prefix).mode & 0o777, 0o700);
  });

  it('removes a socket of the folder, and nothing else that a worker names', async () => {
    const paths = make();
    const [socket, kept] = [newLinkPath(paths.prefix), newLinkPath(paths.prefix)];
    const folder = join(paths.prefix, 'folder');
    mkdirSync(folder);
    const foreign = [join(folder, 'file'), `${paths.prefix}../${basename(make().prefix)}/x`];
    for (const path of [socket, kept, ...foreign]) {
      writeFileSync(path, '');
    }
    for (const address of [
      '',
      '127.0.0.1:80',
      folder,
      paths.prefix,
      ...foreign,
      join(paths.prefix, 'none'),
      `${kept}\0`,
      socket,
    ]) {
      paths.removeSocket(address);
    }
    await until(() => !existsSync(socket));
    assert.deepEqual(readdirSync(paths.prefix).sort(), [basename(kept), 'folder'].sort());
    assert.ok(foreign.every(existsSync));
  });

  it('names TMPDIR where the paths would be too long, and leaves nothing behind', () => {
    const { prefix } = make();
    // With the prefix, "sockjs-", 6 characters, a separator and a name of 8.
    const longest = join(prefix, 'x'.repeat(103 - prefix.length - 1 - 7 - 6 - 1 - 8));
    mkdirSync(longest);
    mkdirSync(`${longest}x`);
    setTemporaryFolder(longest);
    const fits = make();
    assert.equal(Buffer.from(newLinkPath(fits.prefix)).length, 103);
    process.env['TMPDIR'] = `${longest}x`;
    assert.throws(() => makeLinkPaths(), /would have 104 bytes, and may have 103; set the environment variable TMPDIR/);
    assert.deepEqual(readdirSync(`${longest}x`), []);
  });

  it('makes a prefix of pipes on Windows, and nothing to remove', () => {
    const paths = makeLinkPaths('win32');
    const path = newLinkPath(paths.prefix);
    assert.match(path, /^\\\\\.\\pipe\\sockjs-[\w-]{8}-[\w-]{8}$/);
    assert.deepEqual(parseAddress(path), { path });
    paths.removeSocket(path);
    paths.remove();
  });
});

describe('newLinkPath()', () => {
  it('adds a name of 8 characters, another one each time', () => {
    const names = new Set(Array.from({ length: 100 }, () => newLinkPath('/folder/')));
    assert.equal(names.size, 100);
    for (const name of names) {
      assert.match(name, /^\/folder\/[\w-]{8}$/);
      assert.deepEqual(parseAddress(name), { path: name });
    }
  });
});
