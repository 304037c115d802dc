/** Programs that specs drive beside Node: where they are, and ports for them. */
import { accessSync, constants } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';

/** Folders where distributions install servers. They may be missing in PATH. */
const SYSTEM_PATHS = ['/usr/sbin', '/usr/local/sbin'];

/** Returns the path of a program that is installed. */
export function findProgram(program: string): string | undefined {
  const { PATH = '' } = process.env;
  return [...PATH.split(delimiter), ...SYSTEM_PATHS]
    .map((path) => join(path, program))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/**
 * Returns a free port, for programs that cannot report which port they got. It is below the range of ephemeral ports, so
 * only a program that is started in this way could get it meanwhile. The caller then tries again.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const probe = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
    });
    if (isFree) {
      return port;
    }
  }
}
