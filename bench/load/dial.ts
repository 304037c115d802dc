/** Connects to a server, over TCP alone or with TLS. */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Port } from './protocol.ts';

/** All servers encrypt with the same cipher, also those whose runtime would prefer another. */
const CIPHER = 'TLS_AES_128_GCM_SHA256';

/** @param whenConnected called when bytes can be sent: with TLS after its handshake */
export function dial({ number, isSecure }: Port, whenConnected: () => void = () => {}): Socket {
  const host = '127.0.0.1';
  return isSecure
    ? // The certificate of the run is signed by itself.
      connectTls(
        { host, port: number, rejectUnauthorized: false, ciphers: CIPHER, minVersion: 'TLSv1.3' },
        whenConnected,
      )
    : connect(number, host, whenConnected);
}
