/** The flags that this server program was started with, beside arguments of its own (server-settings.ts). */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  // For the arguments of its own.
  strict: false,
  options: {
    'tls-key': { type: 'string' },
    'tls-cert': { type: 'string' },
    'max-message-size': { type: 'string' },
    'heartbeat-delay': { type: 'string' },
  },
});

/** Bytes of the largest message that this program must take. Undefined where its own limits hold. */
export const maxMessageSize = numberOf('max-message-size');

/** ms from one heartbeat to the next. Undefined where this program puts heartbeats off. */
export const heartbeatDelay = numberOf('heartbeat-delay');

/** Key and certificate of this program. Undefined where it talks no TLS. */
export function readCertificate(): { key: Buffer; cert: Buffer } | undefined {
  const { 'tls-key': key, 'tls-cert': cert } = values;
  return typeof key === 'string' && typeof cert === 'string'
    ? { key: readFileSync(key), cert: readFileSync(cert) }
    : undefined;
}

function numberOf(flag: 'max-message-size' | 'heartbeat-delay'): number | undefined {
  return values[flag] === undefined ? undefined : Number(values[flag]);
}
