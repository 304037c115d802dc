/** Which machine this process runs on. A loopback address, or the path of a socket, means nothing on another one. */
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { parseAddress } from './address.ts';

/** A hash of what tells this machine, or this container, from others: its boot and its network, or else its name. */
export function machineId(): string {
  const boot = textOf(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'));
  const network = textOf(() => readlinkSync('/proc/self/ns/net'));
  // A name may change while processes run, which would part those that start later from the others.
  const parts = boot === '' || network === '' ? [boot, network, hostname()] : [boot, network];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 16);
}

/** Whether only processes of the same machine can dial an address of a node record. */
export function isLocalAddress(address: string): boolean {
  const parsed = parseAddress(address);
  if (parsed === undefined) {
    return false;
  }
  if ('path' in parsed) {
    return true;
  }
  const { host } = parsed;
  return host === 'localhost' || (isIP(host) === 4 ? host.startsWith('127.') : host === '::1');
}

/** What a file of Linux has to say; nothing on other systems. */
function textOf(read: () => string): string {
  try {
    return read().trim();
  } catch {
    return '';
  }
}
