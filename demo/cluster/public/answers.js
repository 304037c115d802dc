/**
 * Tells which process has answered each request of this page. Every response of the demo names its process in the header
 * `X-Process`. sockjs-client shows no headers, so this replaces the XMLHttpRequest that sockjs-client finds when it loads:
 * the page must load this module first. The replacement reads the header, and changes nothing else.
 *
 * A page cannot read headers of a WebSocket. It needs none: a WebSocket is always at the process that holds its session.
 */

/**
 * Dispatches `answer` for each response, with `{ process, session, request }` as `detail`. The last two are the last parts
 * of the path.
 */
export const answers = new EventTarget();

class WatchedRequest extends XMLHttpRequest {
  constructor() {
    super();
    // A streaming response tells its process as soon as it begins.
    this.addEventListener('readystatechange', () => {
      const process = this.readyState === XMLHttpRequest.HEADERS_RECEIVED ? this.getResponseHeader('X-Process') : null;
      if (process !== null) {
        const [session, request] = new URL(this.responseURL).pathname.split('/').slice(-2);
        answers.dispatchEvent(new CustomEvent('answer', { detail: { process, session, request } }));
      }
    });
  }
}

globalThis.XMLHttpRequest = WatchedRequest;
