/** Times echoes of one polling session, one after the other: from the send to the answer of the poll. */
import type { Load } from './load.ts';
import { PollingSession } from './polling-echo.ts';
import type { LoadOptions, Target } from './protocol.ts';

type Options = Extract<LoadOptions, { kind: 'latency' }>;

export function latency(target: Target, options: Options): Load {
  let session: PollingSession | undefined;
  const times: number[] = [];
  return {
    times,
    async open() {
      session = await PollingSession.open(target, 0, options);
    },
    async round(units) {
      times.length = 0;
      for (let i = 0; i < units; i += 1) {
        const start = performance.now();
        await session?.go(1);
        times.push(performance.now() - start);
      }
      return units;
    },
    async close() {
      session?.close();
    },
  };
}
