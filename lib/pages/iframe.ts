/** The page that clients on other origins load into a hidden iframe (docs/protocol.md, section 4). */
import { createHash } from 'node:crypto';
import type { Handler } from '../context.ts';
import { setCachedForYear } from '../http/cache.ts';
import { addVary } from '../http/cors.ts';
import { hashSource, protectPage } from '../http/embedding.ts';
import { setHeader } from '../http/head.ts';
import { send, sendEmpty } from '../http/respond.ts';
import { assertClientUrl } from '../options/checks.ts';
import { withHelp } from '../util/help.ts';
import { ignoreRejection } from '../util/promises.ts';

/**
 * Answers with the page, or with 304 where the browser has it already.
 *
 * @throws TypeError or RangeError where the function in option `sockjsUrl` returns no address, and what that function
 *   throws
 */
export const iframePage: Handler = (context) => {
  const { endpoint, req, res } = context;
  const { sockjsUrl } = endpoint.options;
  const url: unknown = typeof sockjsUrl === 'function' ? sockjsUrl(req) : sockjsUrl;
  if (typeof url !== 'string') {
    ignoreRejection(url);
    throw withHelp(
      'a-function-in-an-option-must-return-a-string',
      new TypeError('sockjs: the function in option "sockjsUrl" must return a string'),
    );
  }
  assertClientUrl(url, 'what the function in option "sockjsUrl" returned');
  const page = pageFor(url, endpoint.options.sockjsIntegrity);
  const etag = `"${createHash('sha256').update(page).digest('base64url')}"`;
  setCachedForYear(res);
  protectPage(context, {
    'script-src': [hashSource(INLINE_SCRIPT), "'self'", ...sourcesOf(url)].join(' '),
    'connect-src': "'self'",
    'frame-src': "'self'",
    'form-action': "'self'",
  });
  if (typeof endpoint.options.allowedOrigins !== 'string') {
    addVary(res, 'Referer');
  }
  setHeader(res, 'ETag', etag);
  if (matches(req.headers['if-none-match'], etag)) {
    sendEmpty(res, 304);
  } else {
    send(res, 200, 'text/html; charset=UTF-8', page);
  }
};

/** Whether If-None-Match names the page. The comparison is weak, as RFC 9110, section 13.1.2, demands. */
function matches(header: string | undefined, etag: string): boolean {
  return (header ?? '').split(',').some((tag) => ['*', etag, `W/${etag}`].includes(tag.trim()));
}

/** The inline script of the page, to the letter: the content security policy holds its hash. */
const INLINE_SCRIPT = `
    document.domain = document.domain;
    SockJS.bootstrap_iframe();
  `;

/**
 * The source by which a content security policy allows the client library; none where it has the page's own origin. In
 * a policy `;` and `,` end a source, so they are encoded.
 */
function sourcesOf(url: string): string[] {
  // The browser then takes the scheme of the page.
  const isSchemeless = url.startsWith('//');
  const absolute = isSchemeless ? `http:${url}` : url;
  if (!URL.canParse(absolute)) {
    return [];
  }
  // The URL class encodes spaces and all that a header cannot carry.
  const { protocol, host, pathname } = new URL(absolute);
  return [`${isSchemeless ? '' : `${protocol}//`}${host}${pathname}`.replace(/[;,]/g, encodeURIComponent)];
}

function pageFor(url: string, integrity: string): string {
  const attributes = integrity && ` integrity="${escapeHtml(integrity)}" crossorigin="anonymous"`;
  return `<!DOCTYPE html>
<html>
<head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
  <script src="${escapeHtml(url)}"${attributes}></script>
  <script>${INLINE_SCRIPT}</script>
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
