/** One of several processes of the protocol server, for the specs. Prints the port on which it listens. */
import type { AddressInfo } from 'node:net';
import { createProtocolServer } from '../../../demo/protocol-server.ts';
import { redisCluster } from '../../../lib/redis.ts';
import { type ClientName, connectClient } from './node-client.ts';

const [, , name = '', port = ''] = process.argv;
const { client } = await connectClient(name as ClientName, Number(port));
const server = createProtocolServer((service) => redisCluster(client, { name: service }));
server.listen(0, '127.0.0.1', () => {
  console.log(`Listening on ${(server.address() as AddressInfo).port}`);
});
