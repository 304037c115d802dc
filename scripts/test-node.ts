/** Runs the specs on another version of Node: `npm run test:node -- 24 [arguments for mocha]`. */
import { spawnSync } from 'node:child_process';
import { delimiter, dirname } from 'node:path';
import { fetchNode } from './fetch-node.ts';

const [version, ...args] = process.argv.slice(2);
if (version === undefined || !/^\d+(\.\d+){0,2}$/.test(version)) {
  console.error('Which Node? For example: npm run test:node -- 24');
  process.exit(1);
}
const node = fetchNode(version);
const specs = args.some((arg) => arg.endsWith('.ts')) ? args : ['spec/**/*.spec.ts', ...args];
const { status, error } = spawnSync(node, ['node_modules/mocha/bin/mocha.js', ...specs], {
  stdio: 'inherit',
  // Programs that specs start by name run on it as well.
  env: { ...process.env, PATH: [dirname(node), process.env['PATH']].join(delimiter) },
});
if (error !== undefined) {
  throw error;
}
process.exitCode = status ?? 1;
