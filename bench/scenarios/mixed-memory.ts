/** Memory at rest of sessions of mixed transports, as many as the open files of a process allow. */
import type { ServerName } from '../servers/names.ts';
import { memoryTable, type Scenario } from './scenario.ts';

const SESSIONS = 15_000;

export function mixedMemory(servers: readonly ServerName[]): Scenario {
  const name = 'mixed-memory';
  const title = `Memory of an idle session, ${SESSIONS} of them, a third each WebSocket, xhr-streaming and a waiting poll`;
  return {
    name,
    async *measure(run) {
      const load = { kind: 'mixed-idle' } as const;
      yield await memoryTable(run, { name, title, servers, load, sessions: SESSIONS, time: 'at-rest' });
    },
  };
}
