/** The participants of a run: servers, each started from a checkout of this repository. */
import type { ServerName } from '../servers/names.ts';

/** A folder with `lib/` and `bench/servers/`. */
export interface Checkout {
  /** Distinguishes its servers from those of another checkout. Empty for the present checkout. */
  readonly suffix: string;
  /** Path of the folder, with a slash at the end. */
  readonly root: string;
}

/** A server of a checkout. */
export interface Participant {
  readonly server: ServerName;
  readonly checkout: Checkout;
}

/** Returns the participant's name, unique in the run. With one checkout it is the name of the server. */
export function keyOf({ server, checkout }: Participant): string {
  return `${server}${checkout.suffix}`;
}
