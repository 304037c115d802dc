/** Streams whose clients stop reading: opened by a poll at the first process, read at the last. */
import type { HttpConnection } from './http.ts';
import { closeAll, type Load, portOf, ramp } from './load.ts';
import type { LoadOptions, Target } from './protocol.ts';
import { openSession, openStreaming, PRELUDE } from './streaming.ts';

type Options = Extract<LoadOptions, { kind: 'stalled-streams' }>;

export function stalledStreams({ ports }: Target, { connections }: Options): Load {
  let streams: HttpConnection[] = [];
  return {
    async open() {
      streams = await ramp(connections, async (i) => {
        await openSession(portOf(ports, 0), `stalled${i}`);
        const stream = await openStreaming(portOf(ports, ports.length - 1), `stalled${i}`, PRELUDE, () => {});
        stream.socket.pause();
        return stream;
      });
    },
    /** Has the clients read again, for good. */
    async round(units) {
      for (const stream of streams) {
        stream.socket.resume();
      }
      return units;
    },
    async close() {
      await closeAll(streams);
    },
  };
}
