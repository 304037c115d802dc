/** The runtime that runs this package: Node, or one that has Node's modules as well. */

/** Its name; Electron is Node. */
export const RUNTIME: 'node' | 'bun' | 'deno' =
  process.versions['bun'] === undefined ? (process.versions['deno'] === undefined ? 'node' : 'deno') : 'bun';
