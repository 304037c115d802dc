/** Stands for the module of frames in the bundle. */
export * from '../../../lib/protocol/frame.ts';

/** The close frame, where code and reason may be of any type. */
export function closeFrame(code: unknown, reason: unknown): string {
  return `c${JSON.stringify([code, reason])}`;
}
