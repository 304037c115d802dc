/** The streams of shoe 0.0.15, which replaces `didClose` of each session. */
import { deepEqual } from 'node:assert/strict';
import { describeOnBothSides, Program } from '../support/projects.ts';

describeOnBothSides('shoe', (project) => {
  for (const transport of ['websocket', 'xhr-streaming']) {
    const connection = ['connection', transport.replace('-', '_'), true, true];

    it(`pipes ${transport} both ways, and emits close once when the client closes`, async () => {
      deepEqual(await Program.run(project(), 'shoe.cjs', 'client closes', transport), {
        log: [['SockJS  bound to "/echo"']],
        server: [connection, ['data', 'one'], ['data', 'two'], ['close']],
        client: [
          ['open', transport],
          ['data', 'ONE'],
          ['data', 'TWO'],
          ['close', 1000, 'Normal closure'],
        ],
      });
    });

    it(`sends the last message by ${transport}, and closes with 1000 when the server ends the stream`, async () => {
      deepEqual(await Program.run(project(), 'shoe.cjs', 'server closes', transport), {
        log: [['SockJS  bound to "/echo"']],
        server: [connection, ['data', 'bye'], ['close']],
        client: [
          ['open', transport],
          ['data', 'welcome'],
          ['data', 'last bye'],
          ['close', 1000, 'Normal closure'],
        ],
      });
    });
  }
});
