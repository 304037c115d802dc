/** A SockJS connection that comes back by itself, and misses nothing that the server has kept. Needs sockjs-client. */

/**
 * `waiting` is the time before another attempt. `closed` is for good: by `close()`, or by the server with a code from
 * 4400 to 4499.
 *
 * @typedef {'connecting' | 'open' | 'waiting' | 'closed'} Status
 */

/**
 * @typedef {object} Settings
 * @property {(data: unknown) => void} [onMessage] gets each message once, in order
 * @property {() => void} [onLost] messages are missing before the next one: load afresh what the page shows
 * @property {(status: Status) => void} [onStatus]
 * @property {(url: string) => InstanceType<typeof SockJS>} [create] for options of sockjs-client
 * @property {number} [minDelay] ms before the second attempt at most, doubled with each failure; 1000 by default
 * @property {number} [maxDelay] ms between two attempts at most; 30 000 by default
 * @property {number} [maxSilence] ms without a message or heartbeat after which the connection counts as dead; 60 000 by
 *   default. The server sends a heartbeat every `heartbeatDelay`, 25 s.
 */

export class Connection {
  /** @type {string} */
  #url;
  /** @type {Required<Settings>} */
  #settings;
  /** @type {InstanceType<typeof SockJS> | undefined} */
  #socket;
  /** @type {Status} */
  #status = 'closed';
  /**
   * Until the next attempt, or until the present connection counts as dead.
   *
   * @type {ReturnType<typeof setTimeout> | undefined}
   */
  #timer;
  #failures = 0;
  /**
   * The server's id of this client.
   *
   * @type {string | undefined}
   */
  #log;
  /** The number of the last message. */
  #seen = 0;

  /**
   * @param {string} url of the endpoint
   * @param {Settings} [settings]
   */
  constructor(url, settings = {}) {
    this.#url = url;
    this.#settings = {
      onMessage() {},
      onLost() {},
      onStatus() {},
      create: (address) => new SockJS(address),
      minDelay: 1_000,
      maxDelay: 30_000,
      maxSilence: 60_000,
      ...settings,
    };
    this.#connect();
  }

  get status() {
    return this.#status;
  }

  /**
   * Sends a text. False where there is no connection. True does not mean that the text has arrived.
   *
   * @param {string} text
   */
  send(text) {
    if (this.#status === 'open') {
      this.#socket?.send(text);
    }
    return this.#status === 'open';
  }

  /** Closes it for good. */
  close() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
    this.#setStatus('closed');
  }

  #connect() {
    this.#setStatus('connecting');
    const socket = this.#settings.create(this.#url);
    this.#socket = socket;
    const isPresent = () => this.#socket === socket;
    // The client times out by itself as long as it is not open.
    socket.onopen = () => isPresent() && this.#sayHello(socket);
    socket.onmessage = ({ data }) => isPresent() && this.#receive(socket, JSON.parse(data));
    socket.addEventListener('heartbeat', () => isPresent() && this.#watch(socket));
    socket.onclose = ({ code }) => isPresent() && this.#lose(code);
  }

  /** @param {InstanceType<typeof SockJS>} socket */
  #sayHello(socket) {
    socket.send(JSON.stringify({ log: this.#log, seen: this.#seen }));
    this.#watch(socket);
  }

  /**
   * @param {InstanceType<typeof SockJS>} socket
   * @param {{ log: string, isLost: boolean } | { number: number, data: unknown }} message
   */
  #receive(socket, message) {
    this.#watch(socket);
    if ('log' in message) {
      this.#failures = 0;
      if (message.log !== this.#log) {
        this.#log = message.log;
        this.#seen = 0;
      }
      this.#setStatus('open');
      if (message.isLost) {
        this.#settings.onLost();
      }
    } else if (message.number > this.#seen) {
      this.#seen = message.number;
      this.#settings.onMessage(message.data);
    }
  }

  /**
   * A network that is gone closes nothing. The heartbeats of the server stop.
   *
   * @param {InstanceType<typeof SockJS>} socket
   */
  #watch(socket) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => socket.close(), this.#settings.maxSilence);
  }

  /** @param {number} code */
  #lose(code) {
    clearTimeout(this.#timer);
    this.#socket = undefined;
    if (code >= 4400 && code <= 4499) {
      this.#setStatus('closed'); // The server does not want this client; it would not want it the next time.
      return;
    }
    const { minDelay, maxDelay } = this.#settings;
    const longest = Math.min(maxDelay, minDelay * 2 ** this.#failures);
    this.#failures += 1;
    // At random: after a restart of the server, all clients would otherwise come back at the same time.
    this.#timer = setTimeout(() => this.#connect(), (longest * (1 + Math.random())) / 2);
    this.#setStatus('waiting');
  }

  /** @param {Status} status */
  #setStatus(status) {
    this.#status = status;
    this.#settings.onStatus(status);
  }
}
