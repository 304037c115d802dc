/** Logs sessions as JSON lines and counts them for Prometheus, outside of the application's own code. */
import { subscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import type { RejectedMessage, SessionCloseMessage, SessionOpenMessage } from 'express-sockjs';
import { attachUpgrade, sockjs } from 'express-sockjs';

const { PORT = '8080', METRICS_PORT = '9464' } = process.env;

/** Counters by name and labels. All label values come from the server: values from clients would be unlimited. */
const counters = new Map<string, number>();
const count = (series: string) => counters.set(series, (counters.get(series) ?? 0) + 1);
/** JSON escapes line breaks, so a client cannot forge a log line. */
const log = (event: string, details: object) => console.log(JSON.stringify({ event, ...details }));

subscribe('sockjs:session:open', (message) => {
  const { id, transport, request } = (message as SessionOpenMessage).session;
  count(`sockjs_sessions_opened_total{transport="${transport}"}`);
  log('open', { id, transport, address: request.socket.remoteAddress });
});
subscribe('sockjs:session:close', (message) => {
  const { session, code, reason, wasClean } = message as SessionCloseMessage;
  count(`sockjs_sessions_closed_total{clean="${wasClean}"}`);
  log('close', { id: session.id, code, reason });
});
subscribe('sockjs:rejected', (message) => {
  const { reason, status, request } = message as RejectedMessage;
  count(`sockjs_rejected_total{reason="${reason}"}`);
  log('rejected', { reason, status, path: request.url?.split('?')[0] }); // The query may hold a token.
});
subscribe('sockjs:message:in', () => count('sockjs_messages_total{direction="in"}'));
subscribe('sockjs:message:out', () => count('sockjs_messages_total{direction="out"}'));

const echo = sockjs({ allowedOrigins: 'same-origin', maxMessageSize: 65_536 }, (session) => {
  session.on('message', (message) => session.send(message));
});
const server = createServer(express().set('trust proxy', 'loopback').use('/echo', echo));
attachUpgrade(server);
server.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`Listening on http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
});

// On a separate port, which the proxy does not expose.
const metrics = express().get('/metrics', (_req, res) => {
  const { sessions, queuedBytes } = echo.stats();
  const live = Object.entries(sessions).map(([transport, now]) => `sockjs_sessions{transport="${transport}"} ${now}`);
  const counted = Array.from(counters, ([series, value]) => `${series} ${value}`).sort();
  res.type('text/plain; version=0.0.4');
  res.send([...live, `sockjs_queued_bytes ${queuedBytes}`, ...counted, ''].join('\n'));
});
const metricsServer = metrics.listen(Number(METRICS_PORT), '127.0.0.1', () => {
  console.log(`Metrics on http://127.0.0.1:${(metricsServer.address() as AddressInfo).port}/metrics`);
});
