/** The page that pages of other origins put into a hidden frame (PROTOCOL.md section 4). */
import { createHash } from 'node:crypto';
import { setCachedForYear } from '../http/cache.ts';
import { send, sendEmpty } from '../http/respond.ts';
import type { Handler } from '../mount.ts';
import { assertClientUrl } from '../options.ts';

export const iframePage: Handler = ({ mount, req, res }) => {
  const { sockjsUrl } = mount.options;
  const url = typeof sockjsUrl === 'function' ? sockjsUrl(req) : sockjsUrl;
  assertClientUrl(url, 'what the function in option "sockjsUrl" returned');
  const page = pageFor(url);
  const etag = `"${createHash('sha256').update(page).digest('base64url')}"`;
  setCachedForYear(res);
  res.setHeader('ETag', etag);
  if (matches(req.headers['if-none-match'], etag)) {
    sendEmpty(res, 304);
  } else {
    send(res, 200, 'text/html; charset=UTF-8', page);
  }
};

/** Whether If-None-Match names the page; weakly, as RFC 9110 (13.1.2) has it. */
function matches(header: string | undefined, etag: string): boolean {
  return (header ?? '').split(',').some((tag) => ['*', etag, `W/${etag}`].includes(tag.trim()));
}

function pageFor(url: string): string {
  return `<!DOCTYPE html>
<html>
<head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
  <script src="${escapeHtml(url)}"></script>
  <script>
    document.domain = document.domain;
    SockJS.bootstrap_iframe();
  </script>
</head>
<body>
  <h2>Don't panic!</h2>
  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>
</body>
</html>
`;
}

const ENTITIES = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&quot;'],
  ["'", '&#39;'],
]);

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES.get(character) ?? character);
}
