/** Three mounts as the real sockjs-client finds them: its requests go to them in turns. */
import assert from 'node:assert/strict';
import { type Mounts, serveMounts } from '../support/cluster/mounts.ts';
import { Client, TRANSPORTS } from './support/client.ts';

for (const transport of TRANSPORTS) {
  describe(`sockjs-client over ${transport}, three mounts in turns`, () => {
    for (const [title, responseLimit] of [
      ['long responses', 131_072],
      ['short responses', 1],
    ] as const) {
      it(`gets 500 numbered messages back, each once and in order, in ${title}`, async () => {
        let mounts: Mounts | undefined;
        const onMounts = (made: Mounts) => {
          mounts = made;
        };
        const server = await serveMounts({}, onMounts)({ responseLimit });
        const client = new Client(`${server.origin}/echo`, transport);
        await client.opened;
        const bytes = mounts?.linkBytes ?? 0;
        const numbers = Array.from({ length: 500 }, (_, number) => String(number));
        for (let first = 0; first < numbers.length; first += 50) {
          const portion = numbers.slice(first, first + 50);
          for (const number of portion) {
            client.send(number);
          }
          assert.deepEqual(await client.take(portion.length), portion);
        }
        // The requests have landed at other mounts than that of the session; a WebSocket has one mount.
        assert.equal((mounts?.linkBytes ?? 0) > bytes, transport !== 'websocket');
      });
    }
  });
}
