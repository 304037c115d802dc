/** A certificate for the servers of a run that talk TLS. The end of the run removes it, and its key. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Certificate } from '../servers/server-settings.ts';
import { onCleanup } from './cleanup.ts';

/**
 * Has `openssl` make a key on the curve P-256, and a certificate that the key signs itself.
 *
 * @throws Error where there is no `openssl`
 */
export function makeCertificate(): Certificate {
  const folder = mkdtempSync(join(tmpdir(), 'express-sockjs-tls-'));
  onCleanup(() => rmSync(folder, { recursive: true, force: true }));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const content = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'];
  execFileSync('openssl', ['req', '-x509', ...kind, ...content, '-keyout', key, '-out', cert], { stdio: 'pipe' });
  return { key, cert };
}
