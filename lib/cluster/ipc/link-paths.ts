/** Where the workers of one primary listen for one another's links. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, unlink } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve, sep } from 'node:path';
import { withHelp } from '../../util/help.ts';

/** The longest path of a Unix socket that all systems take, in bytes. */
const MAX_PATH = 103;

/** Bytes of a name, which has 8 characters. */
const NAME_BYTES = 6;
const NAME_LENGTH = 8;

/** What the paths of all workers have in common, and how what is left of them goes. */
export interface LinkPaths {
  /** A path begins with it. */
  readonly prefix: string;
  /** Makes the folder again, where a program that cleans the temporary folder has removed it. Never throws. */
  restore(): void;
  /** Removes the socket of a worker that has died. Leaves an address alone that is none of these paths. Never throws. */
  removeSocket(address: string): void;
  /** Removes all. Never throws. */
  remove(): void;
}

/**
 * Makes a folder for Unix sockets, which no other user of the machine can open. On Windows, a prefix of named pipes.
 *
 * @throws Error where the folder cannot be made, or the paths in it would be too long for sockets
 */
export function makeLinkPaths(platform: NodeJS.Platform = process.platform): LinkPaths {
  if (platform === 'win32') {
    // A pipe ends with its process.
    return {
      prefix: `\\\\.\\pipe\\sockjs-${randomName()}-`,
      restore: () => {},
      removeSocket: () => {},
      remove: () => {},
    };
  }
  // Workers may have another working directory.
  const parent = resolve(tmpdir());
  const template = join(parent, 'sockjs-');
  // mkdtemp() adds 6 characters. The length is checked before there is anything to remove.
  const { length } = Buffer.from(`${template}123456${sep}`);
  if (length + NAME_LENGTH > MAX_PATH) {
    throw withHelp(
      'the-folder-for-temporary-files-is-too-deep',
      new Error(
        `sockjs: setupPrimary() cannot have sockets in the temporary folder ${parent}: their paths would have ` +
          `${length + NAME_LENGTH} bytes, and may have ${MAX_PATH}; set the environment variable TMPDIR to a shorter path`,
      ),
    );
  }
  const folder = mkdtempSync(template);
  return {
    prefix: `${folder}${sep}`,
    restore: () => {
      try {
        mkdirSync(folder, { mode: 0o700 });
      } catch {
        // It is there.
      }
    },
    removeSocket: (address) => {
      // The address is what a worker has said.
      if (dirname(address) === folder && !address.includes('\0')) {
        unlink(address, () => {});
      }
    },
    remove: () => {
      try {
        rmSync(folder, { recursive: true, force: true });
      } catch {
        // It is left to those who clean the temporary folder.
      }
    },
  };
}

/** A path for one link listener. None comes again. */
export function newLinkPath(prefix: string): string {
  return prefix + randomName();
}

function randomName(): string {
  return randomBytes(NAME_BYTES).toString('base64url');
}
