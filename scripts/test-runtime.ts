/** Runs the specs of spec/runtime against servers in another runtime: `npm run test:runtime -- bun [mocha arguments]`. */
import { spawnSync } from 'node:child_process';
import { fetchRuntime, isRuntime } from './fetch-runtime.ts';

const [name, ...args] = process.argv.slice(2);
if (!isRuntime(name)) {
  console.error('Which runtime? npm run test:runtime -- bun, or npm run test:runtime -- deno');
  process.exit(1);
}
const specs = args.some((arg) => arg.endsWith('.ts')) ? args : ['spec/runtime/**/*.spec.ts', ...args];
const { status, error } = spawnSync(process.execPath, ['node_modules/mocha/bin/mocha.js', ...specs], {
  stdio: 'inherit',
  env: { ...process.env, SOCKJS_RUNTIME: name, SOCKJS_RUNTIME_PATH: fetchRuntime(name) },
});
if (error !== undefined) {
  throw error;
}
process.exitCode = status ?? 1;
