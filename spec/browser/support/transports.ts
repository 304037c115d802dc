/** The transports of sockjs-client in browsers, and the places of the page that uses them. */
import type { TransportName } from '../../../lib/index.ts';
import type { TestServer } from '../../support/test-server.ts';
import { asLocalhost, servePage } from './pages.ts';

export interface BrowserTransport {
  /** The client's name of the transport. */
  readonly name: string;
  /** The server's name of the transport. The server cannot distinguish a page from a frame in it. */
  readonly transport: TransportName;
  /** Last path segment of the receiving requests. */
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
  /** Returns the URL of a test page at this place, relative to the server. */
  pageFor(server: TestServer): Promise<string>;
}

export const SAME_ORIGIN: Place = {
  title: 'a page of the same origin',
  isSameOrigin: true,
  pageFor: ({ origin }) => Promise.resolve(origin),
};

/** Another origin but the same site to browsers: cookies and `Sec-Fetch-Site` ignore the port. */
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
