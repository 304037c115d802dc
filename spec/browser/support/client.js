/**
 * Runs in the test page: one SockJS client, which queues messages until the test asks for them. Texts go to the test as
 * JSON in ASCII, since the protocol of the browser's driver loses lone surrogates.
 */

const toAscii = (value) =>
  JSON.stringify(value).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

class Client {
  #messages = [];
  #wake = () => {};

  constructor(url, options) {
    this.socket = new SockJS(url, null, options);
    this.socket.onmessage = ({ data }) => {
      this.#messages.push(data);
      this.#wake();
    };
    this.closed = new Promise((resolve) => {
      this.socket.onclose = ({ code, reason, wasClean }) => {
        this.end = { code, reason, wasClean };
        this.#wake();
        resolve(toAscii(this.end));
      };
    });
    this.opened = new Promise((resolve, reject) => {
      this.socket.onopen = () => resolve(this.socket.transport);
      this.closed.then((end) => reject(new Error(`closed with ${end} instead of opened`)));
    });
    this.opened.catch(() => {});
  }

  /** Settles with `count` messages. Rejects if the client closes before. */
  async take(count) {
    while (this.#messages.length < count) {
      if (this.end !== undefined) {
        throw new Error(`closed with ${toAscii(this.end)} after ${this.#messages.length} of ${count} messages`);
      }
      await new Promise((resolve) => {
        this.#wake = resolve;
      });
    }
    return toAscii(this.#messages.splice(0, count));
  }

  send(messages) {
    for (const message of messages) {
      this.socket.send(message);
    }
  }
}

globalThis.connect = (url, options) => {
  globalThis.client = new Client(url, options);
};
