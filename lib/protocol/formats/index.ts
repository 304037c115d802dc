/** Which format each HTTP transport has. */
import type { Transport } from '../transports.ts';
import { eventSource } from './eventsource.ts';
import type { Format } from './format.ts';
import { htmlFile } from './htmlfile.ts';
import { jsonpPolling } from './jsonp.ts';
import { xhrPolling, xhrStreaming } from './xhr.ts';

/** The rows of the transports that receive over HTTP. */
export type HttpTransportRow = Exclude<Transport, { readonly family: 'websocket' }>;

/** The format of each, by the name of the transport. */
export const FORMATS: Readonly<Record<HttpTransportRow['name'], Format>> = {
  'xhr-polling': xhrPolling,
  'xhr-streaming': xhrStreaming,
  eventsource: eventSource,
  htmlfile: htmlFile,
  'jsonp-polling': jsonpPolling,
};
