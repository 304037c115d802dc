/** The argument of the program `workers`, as JSON. */
export interface WorkersSettings {
  /** What each worker runs: this package with or without the option `cluster`, or socket.io. */
  readonly kind: 'cluster' | 'plain' | 'socketio';
  readonly count: number;
}
