/** The chat of the README, from the two files that it shows. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child, spawnChild } from '../../support/child-process.ts';
import { afterTest } from '../../support/cleanup.ts';
import { codeBlocks, ROOT, readDocument } from './markdown.ts';

/** Tells where the server listens, which is not port 8080 here. */
const TELL_PORT = `
server.on('listening', () => console.log('Listening on port ' + server.address().port));
`;

/** Starts the chat for one test, on a free port; settles with its origin, as in `http://127.0.0.1:1234`. */
export async function startFirstChat(): Promise<string> {
  const readme = readDocument('README.md');
  const [program = ''] = codeBlocks(readme, 'ts');
  const [page = ''] = codeBlocks(readme, 'html');
  const folder = await mkdtemp(join(tmpdir(), 'express-sockjs-first-chat-'));
  afterTest(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, 'public'));
  await mkdir(join(folder, 'node_modules', 'express-sockjs'), { recursive: true });
  await symlink(join(ROOT, 'node_modules', 'express'), join(folder, 'node_modules', 'express'), 'dir');
  // Stands for the package, which is not built when specs run.
  await writeFile(
    join(folder, 'node_modules', 'express-sockjs', 'package.json'),
    '{ "type": "module", "exports": "./index.js" }',
  );
  await writeFile(
    join(folder, 'node_modules', 'express-sockjs', 'index.js'),
    `export * from ${JSON.stringify(join(ROOT, 'lib/index.ts'))};\n`,
  );
  await writeFile(
    join(folder, 'server.mjs'),
    `${program.replace('server.listen(8080', 'server.listen(0')}${TELL_PORT}`,
  );
  await writeFile(join(folder, 'public', 'index.html'), page);
  const args = ['--import', import.meta.resolve('tsx/esm'), 'server.mjs'];
  const child = new Child('the first chat', spawnChild(process.execPath, args, { cwd: folder }));
  afterTest(() => child.kill());
  const [port = ''] = await child.line(/^Listening on port (\d+)$/);
  return `http://127.0.0.1:${port}`;
}
