/** The headers of middleware that go onto a handshake. */
import type { ServerResponse } from 'node:http';

/** Headers that ws writes itself, or that belong to a body. */
const EXCLUDED = /^(connection|upgrade|date|transfer-encoding|content-.*|sec-websocket-.*)$/;

/** Returns the headers that middleware has set on the response to an upgrade, as lines for the 101 of ws. */
export function handshakeHeaders(res: ServerResponse): string[] {
  const lines: string[] = [];
  for (const [name, value] of Object.entries(res.getHeaders())) {
    if (value === undefined || EXCLUDED.test(name)) {
      continue;
    }
    for (const one of Array.isArray(value) ? value : [value]) {
      lines.push(`${name}: ${one}`);
    }
  }
  return lines;
}
