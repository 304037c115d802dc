/** The transports that receive over HTTP, as docs/protocol.md, section 7, describes them. */
import assert from 'node:assert/strict';
import { runInNewContext } from 'node:vm';
import { type HttpReceiver, POLLING_EXCEPTIONS } from './contract.ts';

export const xhrPolling: HttpReceiver = {
  name: 'xhr-polling',
  method: 'POST',
  endpoint: 'xhr',
  sendEndpoint: 'xhr_send',
  wrap: (frame) => `${frame}\n`,
  unwrap: (chunk) => chunk.slice(0, -1),
  exceptions: POLLING_EXCEPTIONS,
};

export const xhrStreaming: HttpReceiver = {
  name: 'xhr-streaming',
  method: 'POST',
  endpoint: 'xhr_streaming',
  sendEndpoint: 'xhr_send',
  prelude: `${'h'.repeat(2048)}\n`,
  wrap: (frame) => `${frame}\n`,
  unwrap: (chunk) => chunk.slice(0, -1),
};

export const eventSource: HttpReceiver = {
  name: 'eventsource',
  method: 'GET',
  endpoint: 'eventsource',
  sendEndpoint: 'xhr_send',
  prelude: '\r\n',
  wrap: (frame) => `data: ${frame.replaceAll('%', '%25')}\r\n\r\n`,
  unwrap: (chunk) => {
    const [, data = ''] = /^data: ([^\r\n\0]*)\r\n\r\n$/.exec(chunk) ?? assert.fail(`not one event: ${chunk}`);
    return decodeURI(data);
  },
};

export const HTML_FILE_PAGE = `<!doctype html>
<html><head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
</head><body><h2>Don't panic!</h2>
  <script>
    document.domain = document.domain;
    var c = parent.CALLBACK;
    c.start();
    function p(d) {c.message(d);};
    window.onload = function() {c.stop();};
  </script>`;

/** The page with its padding to more than 1024 bytes. */
export function htmlFilePrelude(callback: string): string {
  return `${`${HTML_FILE_PAGE.replace('CALLBACK', callback)}\n`.padEnd(1025)}\r\n\r\n`;
}

export const htmlFile: HttpReceiver = {
  name: 'htmlfile',
  method: 'GET',
  endpoint: 'htmlfile?c=callback',
  sendEndpoint: 'xhr_send',
  prelude: htmlFilePrelude('callback'),
  wrap: (frame) => `<script>\np(${JSON.stringify(frame).replaceAll('<', '\\u003c')});\n</script>\r\n`,
  unwrap: (chunk) => {
    // Browsers end a script at the first end tag.
    const end = chunk.indexOf('</script>');
    assert.equal(chunk.slice(end), '</script>\r\n');
    assert.ok(chunk.startsWith('<script>\n'));
    let frame: unknown;
    runInNewContext(chunk.slice('<script>\n'.length, end), { p: (given: unknown) => (frame = given) });
    return String(frame);
  },
};

export const jsonpPolling: HttpReceiver = {
  name: 'jsonp-polling',
  method: 'GET',
  endpoint: 'jsonp?c=callback',
  sendEndpoint: 'jsonp_send',
  wrap: (frame) => `/**/callback(${JSON.stringify(frame)});\r\n`,
  unwrap: (chunk) => {
    let frame: unknown;
    runInNewContext(chunk, { callback: (given: unknown) => (frame = given) });
    return String(frame);
  },
  exceptions: {
    ...POLLING_EXCEPTIONS,
    'is switched off by a heartbeatDelay of 0': 'the browser client gives up a jsonp poll after 35 s',
  },
};

export const HTTP_RECEIVERS = [xhrPolling, xhrStreaming, eventSource, htmlFile, jsonpPolling] as const;

/** What a frame ends with, where several may be in one response. */
export const FRAME_ENDS: Readonly<Record<string, string>> = {
  'xhr-streaming': '\n',
  eventsource: '\r\n\r\n',
  htmlfile: '</script>\r\n',
};
