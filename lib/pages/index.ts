/** The paths of an endpoint that do not belong to a transport. */
import type { Route } from '../context.ts';
import { greeting } from './greeting.ts';
import { iframePage } from './iframe.ts';
import { info } from './info.ts';

/** Their routes, those that clients ask for most often first. */
export const pageRoutes: readonly Route[] = [
  { path: /^\/info$/, methods: { GET: info }, head: true, cors: true, preflight: true, origin: 'script' },
  { path: /^\/iframe[0-9a-z\-._]*\.html$/, methods: { GET: iframePage }, head: true, origin: 'embedded' },
  { path: /^\/?$/, methods: { GET: greeting }, head: true },
];
