/** `router.handleUpgrade()`: takes the upgrades whose paths are routes of the endpoint, without `attachUpgrade()`. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { EndpointContext, Route } from '../context.ts';
import { pathOf } from '../http/query.ts';
import { handleUpgrade } from '../upgrade/handle-upgrade.ts';
import { UPGRADE_TIMEOUT } from '../upgrade/options.ts';
import { isTaken, setTaken } from '../upgrade/pending-upgrade.ts';
import type { UpgradeTarget } from '../upgrade/upgrade-target.ts';
import { stripperOf } from './prefix.ts';
import { RouteTable } from './route-table.ts';

/**
 * Makes the method `handleUpgrade` of a router.
 *
 * @param request the router, which answers what is no route of it as well
 * @param routes the routes of all endpoints: a path whose transport is switched off belongs to the endpoint, too
 */
export function upgradeTaker<Data, Req extends IncomingMessage>(
  { options, timers }: EndpointContext<Data, Req>,
  request: (req: IncomingMessage, res: ServerResponse) => void,
  routes: Iterable<Route>,
): (req: IncomingMessage, socket: Duplex, head: Buffer) => boolean {
  const table = new RouteTable(routes);
  const strip = stripperOf(options.prefix);
  const target: UpgradeTarget = { timers, timeout: UPGRADE_TIMEOUT, server: undefined, request };
  return (req, socket, head) => {
    // Asked first, since the URL of an upgrade that runs through the application changes.
    if (isTaken(req)) {
      return true;
    }
    const rest = strip(req.url ?? '');
    if (rest === undefined || table.find(pathOf(rest) || '/') === undefined) {
      return false;
    }
    setTaken(req);
    handleUpgrade(target, { req, socket, head });
    return true;
  };
}
