/** What a primary of `worker-program.ts` is told and tells, between the processes of a spec. */
import type { NodeCommand, NodeReport } from '../node-reports.ts';

/** What the primary does on command. Workers are named by their ids. */
export type PrimaryCommand =
  | { readonly type: 'fork' }
  | { readonly type: 'tell'; readonly worker: number; readonly command: NodeCommand }
  /** Disconnects a worker, as a program does that restarts it. */
  | { readonly type: 'disconnect'; readonly worker: number }
  /** Collects garbage, and tells what is left in the primary. */
  | { readonly type: 'measure' }
  /** Exits, as at the end of a program. */
  | { readonly type: 'exit' };

/** What it tells. */
export type PrimaryReport =
  | { readonly type: 'ready'; readonly folder: string }
  | { readonly type: 'measured'; readonly heap: number }
  | { readonly type: 'forked'; readonly worker: number; readonly pid: number }
  | { readonly type: 'report'; readonly worker: number; readonly report: NodeReport }
  | { readonly type: 'exited'; readonly worker: number; readonly code: number | null; readonly signal: string | null };
