/** The recipes that log, count and trace. */
import assert from 'node:assert/strict';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import express from 'express';
import { fetchText, post, Stream } from '../../support/http.ts';
import { frame, type Recipe, startRecipe, useRecipe } from '../../support/recipes.ts';
import { listen } from '../../support/test-server.ts';
import { WebSocketClient } from '../../support/websocket-client.ts';
import type { Telemetry } from './support/telemetry.ts';

const TRANSPORTS = [
  ...['websocket', 'websocket-raw', 'xhr-polling', 'xhr-streaming', 'eventsource', 'htmlfile', 'jsonp-polling'],
];

describe('metrics', () => {
  const recipe = useRecipe('metrics', { METRICS_PORT: '0' });

  it('logs and counts what happens', async () => {
    const [url = ''] = await recipe.line(/^Metrics on (\S+)$/);
    const client = new WebSocketClient(recipe.origin, '/echo/0/a/websocket');
    assert.equal(await client.next(), 'o');
    client.send('["1","2"]');
    assert.equal(await client.next(), frame('1', '2'));
    const nextLog = async () => JSON.parse((await recipe.line(/^(\{.*\})$/)).join());
    assert.deepEqual(await nextLog(), { event: 'open', id: 'a', transport: 'websocket', address: '127.0.0.1' });
    const { body: during } = await fetchText(url);
    assert.match(during, /^sockjs_sessions\{transport="websocket",service="echo"\} 1$/m);

    client.socket.close(4000, 'a\nb');
    assert.deepEqual(await nextLog(), { event: 'close', id: 'a', code: 4000, reason: 'a\nb' });
    await post(`${recipe.origin}/echo/0/b/xhr?token=secret`, '', { Origin: 'http://example.com' });
    assert.deepEqual(await nextLog(), { event: 'rejected', reason: 'origin', status: 403, path: '/0/b/xhr' });

    const { headers, body } = await fetchText(url);
    assert.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
    assert.deepEqual(
      body.split('\n').filter((line) => line.startsWith('sockjs_')),
      [
        ...TRANSPORTS.map((transport) => `sockjs_sessions{transport="${transport}",service="echo"} 0`),
        'sockjs_queued_bytes{service="echo"} 0',
        'sockjs_messages_total{direction="in",service="echo"} 2',
        'sockjs_messages_total{direction="out",service="echo"} 2',
        'sockjs_rejected_total{reason="origin",service="echo"} 1',
        'sockjs_sessions_opened_total{transport="websocket",service="echo"} 1',
        'sockjs_sessions_closed_total{clean="true",service="echo"} 1',
      ],
    );
    assert.match(body, /^# TYPE sockjs_sessions gauge$/m);
    assert.match(body, /^# TYPE sockjs_messages_total counter$/m);
    assert.match(body, /^nodejs_eventloop_lag_seconds\{service="echo"\} /m);
  });

  it('does not show the numbers where the sessions are', async () => {
    assert.equal((await fetchText(`${recipe.origin}/metrics`)).status, 404);
  });
});

describe('opentelemetry', () => {
  /** Two messages on a WebSocket that is closed well, a poll that breaks off, and a refusal; then the end. */
  async function run(recipe: Recipe): Promise<void> {
    const origin = await recipe.origin();
    const client = new WebSocketClient(origin, '/echo/0/a/websocket');
    assert.equal(await client.next(), 'o');
    client.send('["1","2"]');
    assert.equal(await client.next(), frame('1', '2'));
    await post(`${origin}/echo/0/c/xhr`, '', { Origin: 'http://example.com' });
    const lost = new WebSocketClient(origin, '/echo/0/b/websocket');
    assert.equal(await lost.next(), 'o');
    lost.socket.terminate();
    await lost.closed;
    client.socket.close(4000);
    await client.closed;
    assert.equal((await post(`${origin}/echo/0/d/xhr`)).body, 'o\n');
    const last = post(`${origin}/echo/0/d/xhr`);
    const ended = recipe.stop('SIGTERM');
    assert.equal((await last).body, 'c[1001,"Server shutting down"]\n');
    assert.equal((await ended).code, 0);
  }

  it('makes a span of each session and each message, and counts what happens', async () => {
    const preload = './spec/docs/recipes/support/opentelemetry-in-memory.ts';
    const recipe = startRecipe('opentelemetry', { preload });
    await run(recipe);
    const { spans, metrics }: Telemetry = JSON.parse((await recipe.line(/^Telemetry: (.*)$/)).join());

    const sessionSpan = (id: string, transport: string, code: number) => ({
      'session.id': id,
      'sockjs.transport': transport,
      'sockjs.close.code': code,
    });
    const sessions = spans.filter(({ name }) => name === 'sockjs session');
    const byId = new Map(sessions.map((span) => [Object.values(span.attributes)[0], span]));
    assert.deepEqual(byId.get('a')?.attributes, sessionSpan('a', 'websocket', 4000));
    assert.deepEqual(byId.get('b')?.attributes, sessionSpan('b', 'websocket', 1006));
    assert.deepEqual(byId.get('d')?.attributes, sessionSpan('d', 'xhr-polling', 1001));
    assert.deepEqual(
      ['a', 'b', 'd'].map((id) => byId.get(id)?.status),
      [SpanStatusCode.UNSET, SpanStatusCode.ERROR, SpanStatusCode.UNSET],
    );
    assert.deepEqual(
      sessions.map(({ kind, parentId }) => [kind, parentId]),
      Array(3).fill([SpanKind.SERVER, null]),
    );
    const messages = spans.filter(({ name }) => name === 'echo');
    assert.deepEqual(
      messages.map(({ traceId, parentId, kind }) => [traceId, parentId, kind]),
      Array(2).fill([byId.get('a')?.traceId, byId.get('a')?.spanId, SpanKind.CONSUMER]),
    );
    assert.equal(spans.length, 5);

    const values = (name: string) => metrics[name]?.map(({ attributes, value }) => ({ ...attributes, value }));
    assert.deepEqual(values('sockjs.sessions'), [
      { transport: 'websocket', value: 0 },
      { transport: 'xhr-polling', value: 0 },
    ]);
    const counts = new Map(values('sockjs.session.duration')?.map(({ value, ...labels }) => [labels, value]));
    assert.deepEqual(
      counts,
      new Map([
        [{ transport: 'websocket', clean: false }, 1],
        [{ transport: 'websocket', clean: true }, 1],
        [{ transport: 'xhr-polling', clean: true }, 1],
      ]),
    );
    assert.deepEqual(values('sockjs.messages'), [
      { direction: 'in', value: 2 },
      { direction: 'out', value: 2 },
    ]);
    assert.deepEqual(values('sockjs.rejections'), [{ reason: 'origin', value: 1 }]);
    assert.deepEqual(values('sockjs.queued'), [{ value: 0 }]);
  });

  it('counts a session for the transport that has opened it, also where it goes on by another', async () => {
    const preload = './spec/docs/recipes/support/opentelemetry-in-memory.ts';
    const recipe = startRecipe('opentelemetry', { preload });
    const url = `${await recipe.origin()}/echo/0/a`;
    const stream = new Stream(`${url}/xhr_streaming`, 'POST');
    await stream.until('o\n');
    // Ends the stream, and the poll takes its place.
    assert.equal((await post(`${url}/xhr_send`, JSON.stringify(['x'.repeat(60_000)]))).status, 204);
    assert.equal((await post(`${url}/xhr_send`, JSON.stringify(['x'.repeat(60_000)]))).status, 204);
    assert.equal((await post(`${url}/xhr_send`, JSON.stringify(['x'.repeat(60_000)]))).status, 204);
    await stream.ended;
    const poll = post(`${url}/xhr`);
    const ended = recipe.stop('SIGTERM');
    assert.equal((await poll).body, 'c[1001,"Server shutting down"]\n');
    assert.equal((await ended).code, 0);
    const { metrics }: Telemetry = JSON.parse((await recipe.line(/^Telemetry: (.*)$/)).join());
    const [live, ...others] = metrics['sockjs.sessions'] ?? [];
    assert.deepEqual([live, others], [{ attributes: { transport: 'xhr-streaming' }, value: 0 }, []]);
    const [duration] = metrics['sockjs.session.duration'] ?? [];
    assert.deepEqual(duration?.attributes, { transport: 'xhr-streaming', clean: true });
  });

  it('sends all of it to a collector before the program has ended', async () => {
    const bodies = new Map<string, string>();
    const collector = await listen(
      express()
        .use(express.text({ type: () => true, limit: '10mb' }))
        .post('/v1/:signal', (req, res) => {
          const { signal } = req.params;
          bodies.set(signal, (bodies.get(signal) ?? '') + req.body);
          res.json({});
        }),
    );
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.origin, OTEL_SERVICE_NAME: 'shop' };
    await run(startRecipe('opentelemetry', { env, preload: './demo/recipes/opentelemetry-sdk.ts' }));
    assert.deepEqual([...bodies.keys()].sort(), ['metrics', 'traces']);
    for (const body of bodies.values()) {
      assert.match(body, /\{"key":"service.name","value":\{"stringValue":"shop"\}\}/);
    }
    assert.equal(bodies.get('traces')?.match(/"name":"sockjs session"/g)?.length, 3);
    assert.equal(bodies.get('traces')?.match(/"name":"echo"/g)?.length, 2);
    assert.match(bodies.get('metrics') ?? '', /"name":"sockjs.session.duration"/);
  });

  it('serves without an SDK', async () => {
    await run(startRecipe('opentelemetry'));
  });
});
