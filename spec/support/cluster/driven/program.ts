/** One process of an endpoint whose sessions and clock a spec has in its hands. It serves one endpoint after the other. */
import type { Socket } from 'node:net';
import { cleanUp } from '../../cleanup.ts';
import { endOpenSessions, trackSessions } from '../../session-cleanup.ts';
import { answerCalls } from './call-pipe.ts';
import type { Call, Command, DrivenSettings, Report } from './calls.ts';
import { DrivenEndpoint } from './endpoint.ts';
import { findRegistry } from './registry-place.ts';

const settings = JSON.parse(process.argv[2] ?? '') as DrivenSettings;

// A spec that is killed ends no process.
process.on('disconnect', () => process.exit());

let reports = 0;

function report(message: Report): void {
  reports += 1;
  process.send?.(message);
}

await trackSessions();
const place = await findRegistry(settings);
let served: DrivenEndpoint | undefined;

function endpoint(): DrivenEndpoint {
  if (served === undefined) {
    throw new Error('no endpoint is served');
  }
  return served;
}

answerCalls<Call>((call) => {
  switch (call.do) {
    case 'serve':
      served = new DrivenEndpoint(place, call, report);
      return undefined;
    case 'link':
      return endpoint().link();
    case 'state':
      return { ...endpoint().state(), reports };
    case 'tick':
      return endpoint().tick(call.ms);
    case 'send':
      return endpoint().session(call.session).send(call.text);
    case 'close':
      return endpoint()
        .session(call.session)
        .close(...call.args);
    case 'look': {
      const { state, bufferedAmount } = endpoint().session(call.session);
      return { state, bufferedAmount };
    }
  }
});

async function recv(session: number, id: number): Promise<void> {
  report({ type: 'received', recv: id, text: await endpoint().session(session).recv() });
}

/** Ends all that belongs to the endpoint, as the hooks of a spec do after a test. */
async function reset(): Promise<void> {
  endOpenSessions();
  await served?.reset();
  await cleanUp();
  served = undefined;
  report({ type: 'reset' });
}

async function shutDown(): Promise<void> {
  await endpoint().shutDown();
  report({ type: 'shut down' });
}

process.on('message', (command: Command, socket: Socket | undefined) => {
  switch (command.type) {
    case 'connection':
      // The client may have left on the way.
      if (socket !== undefined) {
        endpoint().accept(command.id, socket);
      }
      break;
    case 'recv':
      void recv(command.session, command.recv);
      break;
    case 'shut down':
      void shutDown();
      break;
    case 'reset':
      void reset();
      break;
  }
});

report({ type: 'ready' });
