/** In place of an SDK that exports to a collector: keeps all in memory, and prints it as one line of JSON at the end. */
import { metrics } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import type { Telemetry } from './telemetry.ts';

const spanExporter = new InMemorySpanExporter();
const spanProcessors = [new SimpleSpanProcessor(spanExporter)];
new NodeTracerProvider({ spanProcessors }).register();

const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
const meters = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter })] });
metrics.setGlobalMeterProvider(meters);

process.once('beforeExit', async () => {
  await meters.forceFlush();
  const collected =
    exporter
      .getMetrics()
      .at(-1)
      ?.scopeMetrics.flatMap((scope) => scope.metrics) ?? [];
  const telemetry: Telemetry = {
    spans: spanExporter.getFinishedSpans().map((span) => ({
      name: span.name,
      traceId: span.spanContext().traceId,
      spanId: span.spanContext().spanId,
      parentId: span.parentSpanContext?.spanId ?? null,
      kind: span.kind,
      status: span.status.code,
      attributes: span.attributes,
    })),
    metrics: Object.fromEntries(
      collected.map(({ descriptor, dataPoints }) => [
        descriptor.name,
        dataPoints.map(({ attributes, value }) => ({
          attributes,
          value: typeof value === 'number' ? value : (value.count ?? null),
        })),
      ]),
    ),
  };
  console.log(`Telemetry: ${JSON.stringify(telemetry)}`);
});
