/** The process that puts the load on one server. A wrong response throws, which ends the process with an error. */
import { broadcast } from './broadcast.ts';
import { heartbeats } from './heartbeats.ts';
import { httpOpen } from './http-open.ts';
import { idle } from './idle.ts';
import { idlePolls } from './idle-polls.ts';
import { info } from './info.ts';
import { latency } from './latency.ts';
import type { Load } from './load.ts';
import { members } from './members.ts';
import { opening } from './opening.ts';
import { pacedEcho } from './paced-echo.ts';
import { pollingEcho } from './polling-echo.ts';
import type { Command, Report, Target } from './protocol.ts';
import { stalledStreams } from './stalled.ts';
import { storm } from './storm.ts';
import { streamingEcho } from './streaming-echo.ts';
import { streamingStorm } from './streaming-storm.ts';
import { wsEcho } from './ws-echo.ts';
import { wsOpen } from './ws-open.ts';
import { wsPipelined } from './ws-pipelined.ts';

let load: Load | undefined;

function loadOn(target: Target): Load {
  const { options } = target;
  switch (options.kind) {
    case 'ws-echo':
      return wsEcho(target, options);
    case 'ws-pipelined':
      return wsPipelined(target, options);
    case 'ws-broadcast':
    case 'streaming-broadcast':
      return broadcast(target, options, (message) => report({ broadcast: message }));
    case 'ws-paced-echo':
      return pacedEcho(target, options);
    case 'ws-storm':
      return storm(target, options);
    case 'streaming-storm':
      return streamingStorm(target, options);
    case 'http-open':
      return httpOpen(target, options);
    case 'polling-echo':
      return pollingEcho(target, options);
    case 'streaming-echo':
      return streamingEcho(target, options);
    case 'rooms':
      return members(target, options, (message) => report({ broadcast: message }));
    case 'stalled-streams':
      return stalledStreams(target, options);
    case 'idle-polls':
      return idlePolls(target, options);
    case 'latency':
      return latency(target, options);
    case 'opening':
    case 'unknown-send':
      return opening(target, options);
    case 'info':
      return info(target, options);
    case 'ws-open':
      return wsOpen(target, options);
    case 'heartbeats':
      return heartbeats(target, options, (message) => report({ broadcast: message }));
    case 'ws-idle':
    case 'streaming-idle':
    case 'mixed-idle':
      return idle(target, options);
  }
}

function report(message: Report): void {
  process.send?.(message);
}

/** Executes a command, and returns the units of work that it took. */
async function execute(command: Command): Promise<number> {
  if (command.do === 'open') {
    load = loadOn(command.target);
    await load.open();
    return 0;
  }
  if (load === undefined) {
    throw new Error('no load is open');
  }
  if (command.do === 'round') {
    return load.round(command.units);
  }
  await load.close();
  return 0;
}

process.on('message', async (command: Command) => {
  const start = performance.now();
  const units = await execute(command);
  report({ done: true, units, seconds: (performance.now() - start) / 1000, times: load?.times ?? [] });
});
process.on('disconnect', () => process.exit(0));
