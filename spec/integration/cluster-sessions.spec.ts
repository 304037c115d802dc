/** Several nodes behind a load balancer that gives each of them every n-th request: no request is sticky. */

import { type Cluster, serveNodes } from '../support/cluster/nodes.ts';
import { itReceivesOverHttp } from '../support/contract.ts';
import { HTTP_RECEIVERS } from '../support/transport-cases.ts';

let cluster: Cluster;

for (const count of [2, 3]) {
  const serve = serveNodes(count, (made) => {
    cluster = made;
  });
  for (const transport of HTTP_RECEIVERS) {
    describe(`${transport.name} over ${count} nodes in turns`, () => {
      itReceivesOverHttp({ ...transport, serve, settle: () => cluster.settled() });
    });
  }
}
