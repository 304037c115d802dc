/** Stands for the module of close codes in the bundle. npm sockjs sends any code and any reason. */
export * from '../../../lib/protocol/close-code.ts';

/** The code and the reason as they are given. */
export function closeFrom(code: number, reason: string): { readonly code: number; readonly reason: string } {
  return { code, reason };
}
