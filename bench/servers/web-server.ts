/** The server of a program: over HTTP, or over HTTPS where the scenario has it so. */
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { readCertificate } from './flags.ts';

export function createWebServer(listener?: RequestListener): Server {
  const certificate = readCertificate();
  return certificate === undefined ? createServer(listener) : createSecureServer(certificate, listener);
}
