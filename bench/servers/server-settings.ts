/** What the benchmark may ask of a server program beside its defaults, and how the command line says so. */

/** How a scenario has its servers run. */
export interface ServerSettings {
  /** Whether they talk TLS. */
  readonly isSecure?: boolean;
  /** Bytes of the largest message that they must take, framing included. By default their own limits hold. */
  readonly maxMessageSize?: number;
  /** ms from one heartbeat to the next. By default there are none in a run. */
  readonly heartbeatDelay?: number;
}

/** Paths of PEM files. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** Returns the flags for a program. */
export function flagsOf(
  { maxMessageSize, heartbeatDelay }: ServerSettings,
  certificate: Certificate | undefined,
): string[] {
  return [
    ...(certificate === undefined ? [] : [`--tls-key=${certificate.key}`, `--tls-cert=${certificate.cert}`]),
    ...(maxMessageSize === undefined ? [] : [`--max-message-size=${maxMessageSize}`]),
    ...(heartbeatDelay === undefined ? [] : [`--heartbeat-delay=${heartbeatDelay}`]),
  ];
}
