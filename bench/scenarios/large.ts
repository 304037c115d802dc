/** What a message of 1 MiB costs each way, on every transport. */
import { HTTP_TRANSPORT_NAMES, type HttpTransportName, type LoadOptions } from '../load/protocol.ts';
import { OURS, type ServerName } from '../servers/names.ts';
import { cpuTable, type Scenario } from './scenario.ts';

const MIB = 1024 * 1024;

/** With its framing, a message has some more bytes. The form of jsonp has three for each quote and bracket. */
const MAX_MESSAGE_SIZE = MIB + 1024;

const CONNECTIONS = 4;

const WEBSOCKET: readonly ServerName[] = [...OURS, 'ws-json', 'ws', 'sockjs', 'engine'];
const HTTP: readonly ServerName[] = [...OURS, 'http-json', 'sockjs'];

interface Row {
  /** As `session.transport` has it. */
  readonly transport: string;
  readonly servers: readonly ServerName[];
  readonly load: LoadOptions;
}

const ROWS: readonly Row[] = [
  {
    transport: 'websocket',
    servers: WEBSOCKET,
    load: { kind: 'ws-echo', connections: CONNECTIONS, inFlight: CONNECTIONS, size: MIB },
  },
  ...HTTP_TRANSPORT_NAMES.map((transport) => ({ transport, servers: HTTP, load: loadOf(transport) })),
];

function loadOf(transport: HttpTransportName): LoadOptions {
  const load = { connections: CONNECTIONS, size: MIB };
  return transport === 'xhr-polling' || transport === 'jsonp-polling'
    ? { kind: 'polling-echo', transport, ...load }
    : { kind: 'streaming-echo', transport, ...load };
}

const NAME = 'large';

/** A table for each transport, named `large-<transport>`. */
export const LARGE_TABLES: readonly string[] = ROWS.map(({ transport }) => tableOf(transport));

function tableOf(transport: string): string {
  return `${NAME}-${transport}`;
}

export const LARGE: Scenario = {
  name: NAME,
  async *measure(run) {
    for (const { transport, servers, load } of ROWS) {
      yield await cpuTable(run, {
        name: tableOf(transport),
        title: `Echo of messages of 1 MiB over ${transport}, ${CONNECTIONS} sessions`,
        unit: 'MiB echoed',
        servers,
        load,
        settings: { maxMessageSize: MAX_MESSAGE_SIZE },
      });
    }
  },
};
