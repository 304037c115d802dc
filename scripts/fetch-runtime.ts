/** Fetches other runtimes from npm. */
import { fetchPackage } from './fetch-package.ts';

/** A runtime that is not Node. */
export type Runtime = 'bun' | 'deno';

/** Whether the specs can run servers in the runtime of this name. */
export function isRuntime(name: string | undefined): name is Runtime {
  return name === 'bun' || name === 'deno';
}

/** The versions that the specs run on. */
const VERSIONS: Record<Runtime, string> = { bun: '1.4.5', deno: '2.9.6' };

/**
 * Returns the path of a runtime for this platform. Fetches it once.
 *
 * @throws Error if npm has none for this platform
 */
export function fetchRuntime(runtime: Runtime): string {
  const { arch, platform } = process;
  const suffix = platform === 'win32' ? '.exe' : '';
  const version = VERSIONS[runtime];
  const folder = `${runtime}/${version}`;
  if (runtime === 'bun') {
    const cpu = arch === 'arm64' ? 'aarch64' : arch;
    return fetchPackage(
      folder,
      `@oven/bun-${platform === 'win32' ? 'windows' : platform}-${cpu}`,
      version,
      `bin/bun${suffix}`,
    );
  }
  const libc = platform === 'linux' ? '-glibc' : '';
  return fetchPackage(folder, `@deno/${platform}-${arch}${libc}`, version, `deno${suffix}`);
}
