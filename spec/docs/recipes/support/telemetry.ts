/** What a program under OpenTelemetry has measured, as `opentelemetry-in-memory.ts` prints it. */
export interface Telemetry {
  /** In the order in which they have ended. */
  readonly spans: readonly {
    readonly name: string;
    readonly traceId: string;
    readonly spanId: string;
    readonly parentId: string | null;
    readonly kind: number;
    readonly status: number;
    readonly attributes: object;
  }[];
  /** By name. The value of a histogram is how many values it has. */
  readonly metrics: Readonly<Record<string, readonly { readonly attributes: object; readonly value: number | null }[]>>;
}
