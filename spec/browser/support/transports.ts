/** The transports that sockjs-client has in browsers, and where the page may stand that uses them. */
import type { TransportName } from '../../../lib/index.ts';
import type { TestServer } from '../../support/test-server.ts';
import { asLocalhost, servePage } from './pages.ts';

export interface BrowserTransport {
  /** As the client calls it. */
  readonly name: string;
  /** What it is to the server, which does not know whether a page or a frame in it asks. */
  readonly transport: TransportName;
  /** Last segment of the path on which it receives. */
  readonly endpoint: string;
  /** Why a page of another origin cannot use it. */
  readonly onlySameOrigin?: string;
}

export const TRANSPORTS: readonly BrowserTransport[] = [
  { name: 'websocket', transport: 'websocket', endpoint: 'websocket' },
  { name: 'xhr-streaming', transport: 'xhr-streaming', endpoint: 'xhr_streaming' },
  { name: 'eventsource', transport: 'eventsource', endpoint: 'eventsource' },
  { name: 'iframe-eventsource', transport: 'eventsource', endpoint: 'eventsource' },
  {
    name: 'htmlfile',
    transport: 'htmlfile',
    endpoint: 'htmlfile',
    onlySameOrigin: 'its scripts call the page that holds the frame, which browsers allow to the same origin only',
  },
  { name: 'iframe-htmlfile', transport: 'htmlfile', endpoint: 'htmlfile' },
  { name: 'xhr-polling', transport: 'xhr-polling', endpoint: 'xhr' },
  { name: 'iframe-xhr-polling', transport: 'xhr-polling', endpoint: 'xhr' },
  { name: 'jsonp-polling', transport: 'jsonp-polling', endpoint: 'jsonp' },
];

export interface Place {
  readonly title: string;
  readonly isSameOrigin: boolean;
  /** The address of a test page that stands there, seen from this server. */
  pageFor(server: TestServer): Promise<string>;
}

export const SAME_ORIGIN: Place = {
  title: 'a page of the same origin',
  isSameOrigin: true,
  pageFor: ({ origin }) => Promise.resolve(origin),
};

/** Another origin, but to browsers the same site: cookies and `Sec-Fetch-Site` do not tell ports apart. */
export const OTHER_PORT: Place = {
  title: 'a page of another port',
  isSameOrigin: false,
  pageFor: async () => (await servePage()).origin,
};

export const OTHER_SITE: Place = {
  title: 'a page of another site',
  isSameOrigin: false,
  pageFor: async () => asLocalhost((await servePage()).origin),
};
