/** The classes of ws. Jest itself is in spec/package/loaders.spec.ts. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as ws from 'ws';
import { Receiver, Sender, WebSocket, WebSocketServer } from '../../../lib/util/ws.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

describe('util/ws', () => {
  it('has the classes that ws exports', () => {
    const found = { WebSocket, WebSocketServer, Sender, Receiver };
    const { WebSocket: own, WebSocketServer: server, ...rest } = ws;
    assert.deepEqual(found, { WebSocket: own, WebSocketServer: server, ...pick(rest) });
  });

  it('has them where a runtime resolves packages for browsers', async () => {
    const program = `
      import * as stub from 'ws';
      import { Receiver, Sender, WebSocket, WebSocketServer } from './lib/util/ws.ts';
      console.log('WebSocketServer' in stub, ...[Receiver, Sender, WebSocket, WebSocketServer].map(({ name }) => name));
    `;
    const flags = ['--conditions=browser', '--import', 'tsx/esm', '--input-type=module'];
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, '--eval', program], { cwd: ROOT });
    assert.equal(stdout, 'false Receiver Sender WebSocket WebSocketServer\n');
  });
});

/** The two classes that the types of ws leave out. */
function pick(exports: object): Record<string, unknown> {
  const names = ['Sender', 'Receiver'];
  return Object.fromEntries(Object.entries(exports).filter(([name]) => names.includes(name)));
}
