/**
 * The site of the documents.
 *
 * ```
 * npm run docs [-- --port n]        # shows it, and each change to a page as it is saved
 * npm run docs:build [-- --base /x/] # writes it to docs/.vitepress/dist
 * ```
 *
 * What makes the site has packages of its own in `docs/`. They are installed first where they are absent; the rest needs
 * no network. The command `install` does no more than that.
 */
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const DOCS = fileURLToPath(new URL('../docs/', import.meta.url));

const readJson = (path: string) => JSON.parse(readFileSync(`${DOCS}${path}`, 'utf8'));

/** Whether a package is there in this very version. */
function isInstalled([name, version]: readonly [string, unknown]): boolean {
  try {
    return readJson(`node_modules/${name}/package.json`).version === version;
  } catch {
    return false;
  }
}

function install(): void {
  if (Object.entries(readJson('package.json').dependencies).every(isInstalled)) {
    return;
  }
  // Parts of Mermaid warn of older versions of Node, but run in browsers only.
  execFileSync('npm', ['ci', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: DOCS,
    stdio: 'inherit',
    shell: process.platform === 'win32',
    timeout: 300_000,
  });
}

function runVitepress(): void {
  const program = `${DOCS}node_modules/vitepress/bin/vitepress.js`;
  const vitepress = spawn(process.execPath, [program, command, DOCS, ...args], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => vitepress.kill(signal));
  }
  vitepress.on('exit', (code) => {
    process.exitCode = code ?? 1;
  });
}

const [command = 'dev', ...args] = process.argv.slice(2);
install();
if (command !== 'install') {
  runVitepress();
}
