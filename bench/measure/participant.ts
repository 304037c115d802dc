/** Who takes part in a run: the servers, and the checkout of this repository that each is started from. */
import type { ServerName } from '../servers/names.ts';

/** A folder with `lib/` and `bench/servers/`. */
export interface Checkout {
  /** What tells its servers from those of another checkout; empty for the present one. */
  readonly suffix: string;
  /** Path of the folder, with a slash at the end. */
  readonly root: string;
}

/** A server of a checkout. */
export interface Participant {
  readonly server: ServerName;
  readonly checkout: Checkout;
}

/** The participant's name, unique in the run: that of the server where there is one checkout. */
export function keyOf({ server, checkout }: Participant): string {
  return `${server}${checkout.suffix}`;
}
