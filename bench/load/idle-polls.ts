/**
 * Idle polling sessions, in two steps: a round opens sessions whose connections close, the next one parks a poll of each.
 */
import { HttpConnection, requestOf } from './http.ts';
import { closeAll, type Load, portOf, ramp } from './load.ts';
import type { LoadOptions, Target } from './protocol.ts';
import { openSession } from './streaming.ts';

type Options = Extract<LoadOptions, { kind: 'idle-polls' }>;

export function idlePolls({ ports }: Target, { isRelayed }: Options): Load {
  const parked: HttpConnection[] = [];
  let opened = 0;
  const park = async () => {
    const connection = await HttpConnection.open(portOf(ports, isRelayed ? 1 : 0));
    connection.socket.write(requestOf(`/echo/000/parked${parked.length}/xhr`, ''));
    parked.push(connection);
  };
  return {
    async open() {},
    async round(units) {
      if (opened === parked.length) {
        await ramp(units, () => openSession(portOf(ports, 0), `parked${opened++}`));
      } else {
        await ramp(units, park);
      }
      return units;
    },
    async close() {
      await closeAll(parked);
    },
  };
}
