/** One upgrade on its way through the application. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { noteStatus } from '../http/report.ts';
import { debugUpgrade } from '../util/debug.ts';
import { DeadlineTimer, inContext } from '../util/timer-queue.ts';
import { clearPendingUpgrade, type PendingUpgrade } from './pending-upgrade.ts';
import { ResponseSocket } from './response-socket.ts';
import { answerAndClose, type UpgradeTime } from './sockets.ts';
import type { Upgrade } from './upgrade-request.ts';
import { endForHandshake } from './upgrade-response.ts';
import type { OtherListeners } from './upgrade-target.ts';
import { WaitingClient } from './waiting-client.ts';

/**
 * What becomes of one upgrade. The first of these events settles it:
 *
 * ```
 * undecided   claim(): a WebSocket route takes it              > claimed
 *             the application writes a response, a refusal        > settled: the client gets the response
 *             the application writes another response             > settled: the other listeners get the upgrade,
 *                                                                   or the client the response where there are none
 *             refuse(), or the time limit                         > settled: 503
 *             the client closes or ends the connection            > settled: the request is destroyed
 * claimed     finish(): the handshake is about to be written      > settled: 101
 *             refuse(), or the time limit: `verifyClient` waits   > settled: 503
 *             the client closes or ends the connection            > settled: the request is destroyed
 * ```
 */
export class UpgradeAttempt implements PendingUpgrade {
  readonly head: Buffer;
  /** The response writes to this in place of the connection. */
  readonly responseSocket: ResponseSocket;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #socket: Duplex;
  readonly #time: UpgradeTime;
  readonly #others: OtherListeners | undefined;
  /** The URL as it came, which a framework may change. */
  readonly #url: string | undefined;
  #state: 'undecided' | 'claimed' | 'settled' = 'undecided';
  #timer: DeadlineTimer | undefined;
  #client: WaitingClient | undefined;
  #isPassedOn = false;

  /** @param others who get an upgrade that the application does not want; undefined where there can be none */
  constructor(
    { req, socket, head }: Upgrade,
    res: ServerResponse,
    time: UpgradeTime,
    others: OtherListeners | undefined,
  ) {
    this.head = head;
    this.#req = req;
    this.#res = res;
    this.#socket = socket;
    this.#time = time;
    this.#others = others;
    this.#url = req.url;
    this.responseSocket = new ResponseSocket(socket, time.timers, (first) => this.#shouldForward(first));
    socket.on('close', this.#onSocketClose);
  }

  get isPassedOn(): boolean {
    return this.#isPassedOn;
  }

  /**
   * Begins the time limit, and watches for the end of the client, unless the upgrade is settled, as most are by now.
   */
  wait(): void {
    if (this.#state === 'settled') {
      return;
    }
    const onTimer = () => {
      debugUpgrade('%s: not answered in time', this.#url);
      this.refuse();
    };
    this.#timer = new DeadlineTimer(this.#time.timers, inContext({ onTimer }));
    this.#timer.limit(this.#time.timeout);
    // For a handshake with a body, Node wraps the connection. Reading the wrapper would discard the body.
    this.#client = new WaitingClient(this.#socket, this.#socket === this.#req.socket);
  }

  claim(): Duplex | undefined {
    if (this.#state !== 'undecided') {
      return undefined;
    }
    this.#state = 'claimed';
    debugUpgrade('%s: taken over', this.#url);
    return this.#socket;
  }

  refuse(): void {
    if (this.#state === 'settled') {
      return;
    }
    this.#settle();
    // An engine that decides later finds a socket that cannot be written any more.
    answerAndClose(this.#socket, 503, this.#time.timers);
    noteStatus(this.#res, 503);
    this.responseSocket.discard();
    // Not at once, since Node destroys the socket of a request with it.
    this.#socket.on('close', () => this.#req.destroy());
  }

  finish(): string[] {
    if (this.#state === 'settled') {
      return [];
    }
    this.#settle();
    clearPendingUpgrade(this.#req);
    return endForHandshake(this.#req, this.#res, this.responseSocket);
  }

  /** Called by the response socket. Informational responses decide nothing, and none may precede a 101. */
  #shouldForward(first: Buffer): boolean | undefined {
    if (this.#state !== 'undecided') {
      return false;
    }
    if (isInformational(first)) {
      return undefined;
    }
    this.#settle();
    const { statusCode } = this.#res;
    debugUpgrade('%s: the application answered %d', this.#url, statusCode);
    const isRefusal = statusCode >= 300 && statusCode !== 404;
    if (isRefusal || this.#others === undefined || this.#others.count() === 0) {
      return true;
    }
    if (this.#url !== undefined) {
      this.#req.url = this.#url;
    }
    this.#isPassedOn = true;
    this.#others.emit();
    return false;
  }

  readonly #onSocketClose = (): void => {
    this.#settle();
    debugUpgrade('%s: the client left', this.#url);
    this.responseSocket.destroy();
    this.#req.destroy();
  };

  #settle(): void {
    this.#state = 'settled';
    this.#timer?.clear();
    this.#client?.release();
    this.#socket.off('close', this.#onSocketClose);
  }
}

/** Whether bytes are those of an informational response, such as 103 Early Hints. Node writes each by itself. */
function isInformational(bytes: Buffer): boolean {
  return INFORMATIONAL.test(bytes.toString('latin1', 0, 12));
}

const INFORMATIONAL = /^HTTP\/1\.1 1(?!01)\d\d$/;
