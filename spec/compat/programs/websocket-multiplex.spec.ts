/** The channels of websocket-multiplex 0.1.0. */
import { deepEqual } from 'node:assert/strict';
import { describeOnBothSides, Program } from '../support/projects.ts';

describeOnBothSides('websocket-multiplex', (project) => {
  for (const transport of ['websocket', 'xhr-streaming']) {
    it(`has channels both ways by ${transport}, which either side and the end of the session close`, async () => {
      deepEqual(await Program.run(project(), 'websocket-multiplex.cjs', transport), {
        red: [['connection'], ['data', 'hello, all'], ['close']],
        blue: [['connection'], ['data', 'hello, all'], ['data', 'end'], ['close']],
        green: [['connection'], ['data', 'hello, all'], ['data', 'still there'], ['close']],
        client: [
          ['open', transport],
          ['red', 'red hello, all'],
          ['blue', 'blue hello, all'],
          ['green', 'green hello, all'],
          ['red', 'closed'],
          ['blue', 'last'],
          ['blue', 'closed'],
          ['green', 'green still there'],
          ['close', 1000, 'Normal closure'],
        ],
      });
    });
  }
});
