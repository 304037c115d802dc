/** What becomes of an upgrade, for `attachUpgrade()`, `upgradeHandler()` and `router.handleUpgrade()` alike. */
import { dispatch, dispatchWithBody } from './dispatch.ts';
import { hasParsedBody } from './parsed-body.ts';
import { ignoreSocketError } from './pending-upgrade.ts';
import { replay } from './replay.ts';
import { isWebSocketRequest, type Upgrade } from './upgrade-request.ts';
import type { OtherListeners, UpgradeTarget } from './upgrade-target.ts';
import { whenIdle } from './when-idle.ts';

/**
 * Has an upgrade answered, once the responses to earlier requests of its connection have left. What asks for another
 * protocol than WebSocket is answered as the ordinary request that it also is.
 *
 * @param others left out where there are none: then the client gets the response of the target, with any status
 */
export function handleUpgrade(target: UpgradeTarget, upgrade: Upgrade, others?: OtherListeners): void {
  const { req, socket } = upgrade;
  // Stays on a socket that another listener gets. A listener that ignores the upgrade would leave it without any.
  socket.on('error', ignoreSocketError);
  if (!(socket.readable && socket.writable)) {
    // A dispatcher of the application may have waited before it passed the upgrade on, and the client has left.
    socket.destroy();
    return;
  }
  whenIdle(req, socket, target, () => {
    if (others?.comeFirst(req)) {
      others.emit();
    } else if (isWebSocketRequest(req)) {
      dispatch(target, upgrade, others);
    } else if (hasParsedBody(upgrade)) {
      dispatchWithBody(target, upgrade);
    } else {
      replay(target, upgrade);
    }
  });
}
