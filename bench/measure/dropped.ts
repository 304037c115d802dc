/** Packets that the system has dropped since it started, since they came faster than it handled them. */
import { readFileSync } from 'node:fs';

/** Linux counts them for each processor. */
const COUNTERS = '/proc/net/softnet_stat';

/**
 * Returns their number, or 0 where the system does not tell. On loopback a dropped packet is an answer that comes late:
 * thousands of connections then repeat their packets at the same moments, and overflow the same queue again, each time
 * after twice as long. The queue is as long as `net.core.netdev_max_backlog` says.
 */
export function droppedPackets(): number {
  try {
    return sumOfDropped(readFileSync(COUNTERS, 'latin1'));
  } catch {
    return 0;
  }
}

/** Returns the sum of the second column, which is hexadecimal, one line for each processor. */
export function sumOfDropped(counters: string): number {
  return counters
    .trim()
    .split('\n')
    .reduce((sum, line) => sum + Number.parseInt(line.split(' ')[1] ?? '0', 16), 0);
}
