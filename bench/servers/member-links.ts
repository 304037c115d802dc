/** Waits until a process of a group is linked with the others. */
import type { SockjsRouter } from '../../lib/index.ts';

/** Settles when there are links with that many others. */
export async function linked({ cluster }: Pick<SockjsRouter, 'cluster'>, others: number): Promise<void> {
  // Peers come without an event.
  while (cluster !== undefined && (cluster.status !== 'up' || cluster.peers.length < others)) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
