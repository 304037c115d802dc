/** A SockJS connection that reconnects, and reports every frame. */

const { SockJS } = globalThis;

/** ms before the first reconnection. Each further one waits twice as long, up to the maximum. */
const FIRST_DELAY = 500;
const LONGEST_DELAY = 15_000;

/**
 * ms that a requested transport may take to open. Without it, sockjs-client allows as little as 300 ms, so that it soon
 * tries the next transport. Here there is no next one.
 */
const OPEN_TIMEOUT = 20_000;

/**
 * Dispatches `state` when `state` changes, `message` with the parsed message as `detail`, and `frame` with `{
 * direction: 'in' | 'out', frame }`.
 *
 * - `closed`: not connected, and not trying to connect
 * - `connecting`: an attempt is under way
 * - `open`: messages can be sent
 * - `waiting`: the connection was lost; the next attempt follows at `nextAttempt`
 * - `failed`: browser and server have no transport in common, so another attempt would fail as well
 */
export class Connection extends EventTarget {
  state = 'closed';
  /** The transport in use. Empty unless open. */
  transport = '';
  /** Code and reason of the last close. Undefined before the first. */
  end = undefined;
  /** When the next attempt is due, as of `Date.now()`. */
  nextAttempt = 0;
  /** The requested transport. Empty for the best that works. */
  wanted = '';

  #url;
  #socket;
  #failures = 0;
  #timer;

  constructor(url) {
    super();
    this.#url = url;
    // The network is back: do not wait for the next attempt.
    addEventListener('online', () => {
      if (this.state === 'waiting') {
        this.connect(this.wanted);
      }
    });
  }

  /**
   * Connects. An existing connection is closed first.
   *
   * @param {string} transport as sockjs-client names it; empty for the best that works
   */
  connect(transport) {
    this.#failures = 0;
    this.wanted = transport;
    this.#drop();
    this.#attempt();
  }

  /** Closes the connection, and stops reconnecting. */
  disconnect() {
    if (this.state === 'closed' || this.state === 'failed') {
      return;
    }
    this.#drop();
    this.end = undefined;
    this.#become('closed');
  }

  /** Sends an object as JSON. Returns false unless open. */
  send(message) {
    if (this.state !== 'open') {
      return false;
    }
    const text = JSON.stringify(message);
    this.#tell('frame', { direction: 'out', frame: JSON.stringify([text]) });
    this.#socket.send(text);
    return true;
  }

  #attempt() {
    const options = this.wanted === '' ? {} : { transports: [this.wanted], timeout: OPEN_TIMEOUT };
    const socket = new SockJS(this.#url, null, options);
    this.#socket = socket;
    this.#watchFrames(socket);
    let wasOpen = false;
    socket.onopen = () => {
      wasOpen = true;
      this.#failures = 0;
      this.transport = socket.transport;
      this.#become('open');
    };
    socket.onmessage = ({ data }) => this.#tell('message', JSON.parse(data));
    socket.onclose = ({ code, reason }) => {
      this.#socket = undefined;
      this.transport = '';
      this.end = { code, reason };
      // 2000: sockjs-client reached the server, but no transport worked.
      if (code === 2000 && !wasOpen && this.#failures === 0) {
        this.#become('failed');
      } else {
        this.#wait();
      }
    };
    this.#become('connecting');
  }

  #wait() {
    const delay = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** this.#failures);
    this.#failures += 1;
    // A random delay keeps the clients of a restarted server from reconnecting all at once.
    const spread = delay * (0.75 + Math.random() / 2);
    this.nextAttempt = Date.now() + spread;
    this.#timer = setTimeout(() => this.#attempt(), spread);
    this.#become('waiting');
  }

  #drop() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    if (socket !== undefined) {
      this.#socket = undefined;
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
    this.transport = '';
  }

  /** sockjs-client has no public event for frames, so this wraps the method that receives them. */
  #watchFrames(socket) {
    const take = socket._transportMessage;
    socket._transportMessage = (frame) => {
      if (socket === this.#socket) {
        this.#tell('frame', { direction: 'in', frame });
      }
      take.call(socket, frame);
    };
  }

  #become(state) {
    this.state = state;
    this.#tell('state');
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
