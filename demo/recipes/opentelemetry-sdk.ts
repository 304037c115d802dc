/**
 * The SDK for opentelemetry.ts: sends metrics and traces to a collector by OTLP, over HTTP.
 *
 * `OTEL_EXPORTER_OTLP_ENDPOINT` is its address, by default `http://localhost:4318`; `OTEL_SERVICE_NAME` names the service.
 */
import { metrics } from '@opentelemetry/api';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { detectResources, envDetector } from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

const resource = detectResources({ detectors: [envDetector] });

const spanProcessors = [new BatchSpanProcessor(new OTLPTraceExporter())];
const traces = new NodeTracerProvider({ resource, spanProcessors });
traces.register();

const readers = [new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter() })]; // Once a minute.
const meters = new MeterProvider({ resource, readers });
metrics.setGlobalMeterProvider(meters);

// The program ends its sessions and its server first. Then nothing keeps Node alive, and the last spans leave.
process.once('beforeExit', async () => {
  await Promise.allSettled([traces.shutdown(), meters.shutdown()]);
});
