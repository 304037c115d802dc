/** A SockJS connection that comes back by itself, and tells of every frame that travels. */

const { SockJS } = globalThis;

/** ms before the first new attempt; doubled for each further one, up to the longest. */
const FIRST_DELAY = 500;
const LONGEST_DELAY = 15_000;

/**
 * Dispatches `state` when `state` changes, `message` with what came as `detail`, and `frame` with
 * `{ direction: 'in' | 'out', frame }`.
 *
 * - `closed`: nothing going on, because nothing was asked for or `disconnect()` was called
 * - `connecting`: an attempt is under way
 * - `open`: messages travel
 * - `waiting`: lost; another attempt follows at `nextAttempt`
 * - `failed`: the browser and the server have no transport in common, so trying again is no use
 */
export class Connection extends EventTarget {
  state = 'closed';
  /** What the connection travels by; empty unless open. */
  transport = '';
  /** Code and reason of the last end; undefined where there was none. */
  end = undefined;
  /** When the next attempt is due, by `Date.now()`. */
  nextAttempt = 0;
  /** The transport that was asked for; empty for whichever works. */
  wanted = '';

  #url;
  #socket;
  #failures = 0;
  #timer;

  constructor(url) {
    super();
    this.#url = url;
    // Worth a try at once when the network is back.
    addEventListener('online', () => {
      if (this.state === 'waiting') {
        this.connect(this.wanted);
      }
    });
  }

  /**
   * Connects, or connects anew where there is a connection.
   *
   * @param {string} transport as sockjs-client names it; empty for whichever works
   */
  connect(transport) {
    this.#failures = 0;
    this.wanted = transport;
    this.#drop();
    this.#attempt();
  }

  /** Ends the connection, or the attempts to get one. */
  disconnect() {
    if (this.state === 'closed' || this.state === 'failed') {
      return;
    }
    this.#drop();
    this.end = undefined;
    this.#become('closed');
  }

  /** Sends an object as JSON; returns whether it could. */
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
    const socket = new SockJS(this.#url, null, this.wanted === '' ? {} : { transports: [this.wanted] });
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
      // 2000: the server answered, but none of the transports came through.
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
    // Spread out, so that not all clients of a server that was restarted come back in the same moment.
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

  /** sockjs-client has no public event for frames, so its method that takes them is watched. */
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
