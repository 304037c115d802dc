/** The options of `attachUpgrade()` and `upgradeHandler()`. */

import { withHelp } from '../util/help.ts';
import { DELAYS, isDelay } from '../util/timer-queue.ts';

/** ms in which the handshake of an upgrade must be answered, where no option says otherwise. */
export const UPGRADE_TIMEOUT = 10_000;

/** Options of `attachUpgrade()` and `upgradeHandler()`. */
export interface AttachUpgradeOptions {
  /**
   * ms in which the handshake of an upgrade must be answered; then the client gets 503. Middleware, `authorize` and an
   * asynchronous `verifyClient` of `websocketServer` share them. Responses to earlier requests of the connection have
   * the same time to end before; then the connection is closed.
   *
   * `Infinity` for no limit: then the application, or the listener of another package that ignores an upgrade, must see
   * to it that the connection is closed.
   * @default 10_000 // 10 seconds
   */
  upgradeTimeout?: number | undefined;
}

/**
 * Returns the time limit that the options set, in ms.
 *
 * @throws RangeError where `upgradeTimeout` is no number above 0
 */
export function upgradeTimeoutOf({ upgradeTimeout = UPGRADE_TIMEOUT }: AttachUpgradeOptions): number {
  if (!isDelay(upgradeTimeout) || upgradeTimeout === 0) {
    throw withHelp(
      'an-option-has-another-value-than-it-may-have',
      new RangeError(
        `sockjs: option "upgradeTimeout" is ${String(upgradeTimeout)}; it must be a number of ms from 1 to ${DELAYS}`,
      ),
    );
  }
  return upgradeTimeout;
}
