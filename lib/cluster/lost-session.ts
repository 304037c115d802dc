/** What the registry keeps of a session whose process has died. */
import type { Tombstone } from '../options/cluster-adapter.ts';
import { CLOSES } from '../protocol/close-code.ts';

/** ms for which the end of such a session is remembered. */
export const LOST_LIFE = 60_000;

/** It is told to every client that asks for the id: no process knows whose session it was. */
export const LOST: Tombstone = { ...CLOSES.sessionLost, identityHash: '' };
