/** Logs sessions as JSON lines and counts them for Prometheus, outside of the application's own code. */
import { subscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import type { RejectedMessage, SessionCloseMessage, SessionOpenMessage } from 'express-sockjs';
import { attachUpgrade, sockjs } from 'express-sockjs';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';

const { PORT = '8080', METRICS_PORT = '9464', SERVICE = 'echo' } = process.env;

const echo = sockjs({ allowedOrigins: 'same-origin', maxMessageSize: 65_536 }, (session) => {
  session.on('message', (message) => session.send(message));
});

// A registry of its own: libraries that use the global one cannot get in the way.
const registry = new Registry();
registry.setDefaultLabels({ service: SERVICE });
collectDefaultMetrics({ register: registry }); // Memory, CPU and the delay of the event loop.
const registers = [registry];

// What stats() has is read when Prometheus asks. All label values come from the server: clients could make any number.
new Gauge({
  name: 'sockjs_sessions',
  help: 'Live sessions',
  labelNames: ['transport'],
  registers,
  collect() {
    for (const [transport, now] of Object.entries(echo.stats().sessions)) {
      this.set({ transport }, now);
    }
  },
});
new Gauge({
  name: 'sockjs_queued_bytes',
  help: 'Bytes that clients have not taken yet',
  registers,
  collect() {
    this.set(echo.stats().queuedBytes);
  },
});
new Counter({
  name: 'sockjs_messages_total',
  help: 'Messages received and sent',
  labelNames: ['direction'],
  registers,
  collect() {
    const { messagesIn, messagesOut } = echo.stats();
    this.reset(); // stats() has sums, and a counter of prom-client adds.
    this.inc({ direction: 'in' }, messagesIn);
    this.inc({ direction: 'out' }, messagesOut);
  },
});
new Counter({
  name: 'sockjs_rejected_total',
  help: 'Requests refused',
  labelNames: ['reason'],
  registers,
  collect() {
    this.reset();
    for (const [reason, count] of Object.entries(echo.stats().rejected)) {
      this.inc({ reason }, count);
    }
  },
});

// The channels tell what stats() does not: how sessions ended, and what is worth a line in the log.
const opened = new Counter({
  name: 'sockjs_sessions_opened_total',
  help: 'Sessions opened',
  labelNames: ['transport'],
  registers,
});
const closed = new Counter({
  name: 'sockjs_sessions_closed_total',
  help: 'Sessions ended',
  labelNames: ['clean'],
  registers,
});
/** JSON escapes line breaks, so a client cannot forge a log line. */
const log = (event: string, details: object) => console.log(JSON.stringify({ event, ...details }));

subscribe('sockjs:session:open', (message) => {
  const { id, transport, request } = (message as SessionOpenMessage).session;
  opened.inc({ transport });
  log('open', { id, transport, address: request.socket.remoteAddress });
});
subscribe('sockjs:session:close', (message) => {
  const { session, code, reason, wasClean } = message as SessionCloseMessage;
  closed.inc({ clean: String(wasClean) });
  log('close', { id: session.id, code, reason });
});
subscribe('sockjs:rejected', (message) => {
  const { reason, status, request } = message as RejectedMessage;
  log('rejected', { reason, status, path: request.url?.split('?')[0] }); // The query may hold a token.
});

const fail = ({ message }: Error) => {
  console.error(message); // Such as that a port is taken.
  process.exit(1);
};
const server = createServer(express().set('trust proxy', 'loopback').use('/echo', echo));
attachUpgrade(server);
server.on('error', fail);
server.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`Listening on http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
});

// On a separate port, which the proxy does not expose.
const metrics = express().get('/metrics', async (_req, res) => {
  res.type(registry.contentType).send(await registry.metrics());
});
const metricsServer = createServer(metrics);
metricsServer.on('error', fail);
metricsServer.listen(Number(METRICS_PORT), '127.0.0.1', () => {
  console.log(`Metrics on http://127.0.0.1:${(metricsServer.address() as AddressInfo).port}/metrics`);
});
