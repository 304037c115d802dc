/** The table of the pages that are no transport. */
import type { Route } from '../context.ts';
import { greeting } from './greeting.ts';
import { iframePage } from './iframe.ts';
import { info } from './info.ts';

/** Their routes, in the order in which clients ask for them. */
export const pageRoutes: readonly Route[] = [
  { path: /^\/info$/, methods: { GET: info }, head: true, cors: true, preflight: true, origin: 'script' },
  { path: /^\/iframe[0-9a-z\-._]*\.html$/, methods: { GET: iframePage }, head: true, origin: 'embedded' },
  { path: /^\/?$/, methods: { GET: greeting }, head: true },
];
