/**
 * Metrics and traces by OpenTelemetry, from the diagnostics channels. It uses the API alone, and measures nothing without an
 * SDK: `node --import tsx/esm --import ./demo/recipes/opentelemetry-sdk.ts demo/recipes/opentelemetry.ts` has one.
 */
import { subscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { metrics, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import express from 'express';
import type { RejectedMessage, Session, SessionCloseMessage, SessionOpenMessage } from 'express-sockjs';
import { attachUpgrade, sockjs } from 'express-sockjs';

const { PORT = '8080' } = process.env;

const tracer = trace.getTracer('sockjs');
const meter = metrics.getMeter('sockjs');

// All values of attributes come from the server: clients could make any number of series.
const sessions = meter.createUpDownCounter('sockjs.sessions', { description: 'Live sessions' });
const durations = meter.createHistogram('sockjs.session.duration', {
  unit: 's',
  advice: { explicitBucketBoundaries: [1, 10, 60, 600, 3_600, 86_400] },
});
const messages = meter.createCounter('sockjs.messages', { description: 'Messages received and sent' });
const rejections = meter.createCounter('sockjs.rejections', { description: 'Requests refused' });

/** A session is one span. It is exported when the session ends. */
const spans = new WeakMap<object, { readonly span: Span; readonly since: number; readonly transport: string }>();

subscribe('sockjs:session:open', (message) => {
  const { session } = message as SessionOpenMessage;
  const { id, transport } = session;
  const attributes = { 'session.id': id, 'sockjs.transport': transport };
  // Its parent is the span of the HTTP request, where an instrumentation has made one.
  const span = tracer.startSpan('sockjs session', { kind: SpanKind.SERVER, attributes });
  spans.set(session, { span, since: performance.now(), transport });
  sessions.add(1, { transport });
});
subscribe('sockjs:session:close', (message) => {
  const { session, code, reason, wasClean } = message as SessionCloseMessage;
  const opened = spans.get(session);
  if (opened === undefined) {
    return;
  }
  // The transport that has opened the session: a session that streams may go on by polls.
  const { span, since, transport } = opened;
  sessions.add(-1, { transport });
  durations.record((performance.now() - since) / 1_000, { transport, clean: wasClean });
  span.setAttribute('sockjs.close.code', code);
  if (!wasClean) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: reason });
  }
  span.end();
});
subscribe('sockjs:rejected', (message) => {
  const { reason } = message as RejectedMessage;
  rejections.add(1, { reason }); // No span: refused clients could fill the collector.
});
subscribe('sockjs:message:in', () => messages.add(1, { direction: 'in' }));
subscribe('sockjs:message:out', () => messages.add(1, { direction: 'out' }));

/** For spans of the application's own in the trace of a session. */
function contextOf(session: Session) {
  const span = spans.get(session)?.span;
  return span === undefined ? ROOT_CONTEXT : trace.setSpan(ROOT_CONTEXT, span);
}

const echo = sockjs({ allowedOrigins: 'same-origin', maxMessageSize: 65_536 }, (session) => {
  session.on('message', (message) => {
    tracer.startActiveSpan('echo', { kind: SpanKind.CONSUMER }, contextOf(session), (span) => {
      session.send(message);
      span.end();
    });
  });
});
// What stats() has is read when the SDK exports.
meter
  .createObservableGauge('sockjs.queued', { unit: 'By', description: 'Bytes that clients have not taken yet' })
  .addCallback((result) => result.observe(echo.stats().queuedBytes));

const server = createServer(express().set('trust proxy', 'loopback').use('/echo', echo));
attachUpgrade(server);
server.on('error', ({ message }) => {
  console.error(message); // Such as that the port is taken.
  process.exit(1);
});
server.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`Listening on http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
});
process.once('SIGTERM', async () => {
  await echo.close({ timeout: 10_000 }); // Ends the spans of all sessions.
  server.close();
  setTimeout(() => server.closeAllConnections(), 5_000).unref();
});
