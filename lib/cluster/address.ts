/** Addresses of link listeners, as node records hold them: `host:port`, or the path of a Unix socket. */
import type { AddressInfo } from 'node:net';

/** Where a link listener is reached. */
export type LinkAddress = { readonly host: string; readonly port: number } | { readonly path: string };

/** An IPv6 address stands in brackets. A path has no colon, or a slash before it. */
const HOST_AND_PORT = /^(?:\[([^\]]+)\]|([^:/\\]+)):(\d+)$/;

const MAX_PORT = 0xffff;

/** Takes an address apart. Returns undefined for a port that there is not, and for no address. */
export function parseAddress(address: string): LinkAddress | undefined {
  if (address === '') {
    return undefined;
  }
  const match = HOST_AND_PORT.exec(address);
  if (match === null) {
    return { path: address };
  }
  const [, ipv6, name, digits] = match;
  const port = Number(digits);
  return port > 0 && port <= MAX_PORT ? { host: ipv6 ?? name ?? '', port } : undefined;
}

/** The address of a server that listens, as `server.address()` returns it. */
export function formatAddress(address: AddressInfo | string | null): string {
  if (address === null || typeof address === 'string') {
    return address ?? '';
  }
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `${host}:${address.port}`;
}
