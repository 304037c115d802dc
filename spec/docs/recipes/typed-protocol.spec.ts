/** The recipe whose messages are typed JSON. */
import assert from 'node:assert/strict';
import { Client, TRANSPORTS } from '../../e2e/support/client.ts';
import { useRecipe } from '../../support/recipes.ts';

describe('typed-protocol', () => {
  const recipe = useRecipe('typed-protocol');
  const open = async (transport: (typeof TRANSPORTS)[number] = 'websocket') => {
    const client = new Client(`${recipe.origin}/chat`, transport);
    await client.opened;
    return {
      closed: client.closed,
      next: async () => JSON.parse(await client.next()),
      send: (message: unknown) => client.send(typeof message === 'string' ? message : JSON.stringify(message)),
    };
  };

  for (const transport of TRANSPORTS) {
    it(`handles each type of message on ${transport}`, async () => {
      const client = await open(transport);
      client.send({ type: 'ping', id: 7 });
      assert.deepEqual(await client.next(), { type: 'pong', id: 7 });
      client.send({ type: 'say', text: 'hello' });
      assert.deepEqual(await client.next(), { type: 'said', name: 'Guest', text: 'hello' });
      client.send({ type: 'rename', name: ' Ann ' });
      client.send({ type: 'say', text: ' hello ' });
      assert.deepEqual(await client.next(), { type: 'said', name: 'Ann', text: 'hello' });
    });
  }

  const INVALID: readonly (readonly [what: string, message: unknown, errors: RegExp])[] = [
    ['no JSON', '{"type":', /^Not JSON$/],
    ['no object', 'null', /^Invalid input/],
    ['no type', {}, /^type: Invalid/],
    ['a type of the server', { type: 'said', name: 'Ann', text: 'hello' }, /^type: Invalid/],
    ['a text that is empty', { type: 'say', text: ' ' }, /^text: Too small/],
    ['a text that is too long', { type: 'say', text: 'x'.repeat(501) }, /^text: Too big/],
    ['a text that is none', { type: 'say', text: 1 }, /^text: Invalid input: expected string/],
    ['a number that is not whole', { type: 'ping', id: 0.5 }, /^id: Invalid input: expected int/],
    ['a member too many', { type: 'ping', id: 1, admin: true }, /^Unrecognized key: "admin"$/],
  ];
  for (const [what, message, error] of INVALID) {
    it(`says to the sender alone what is wrong with ${what}, and goes on`, async () => {
      const [eve, bob] = [await open(), await open()];
      eve.send(message);
      const { type, errors } = await eve.next();
      assert.deepEqual([type, errors.length], ['invalid', 1]);
      assert.match(errors[0], error);
      eve.send({ type: 'say', text: 'sorry' });
      assert.equal((await bob.next()).text, 'sorry');
    });
  }

  it('says all that is wrong with a message', async () => {
    const client = await open();
    client.send({ type: 'ping', id: -1, admin: true });
    const { errors } = await client.next();
    assert.deepEqual(errors, ['id: Too small: expected number to be >=0', 'Unrecognized key: "admin"']);
  });

  it('closes a session that sends five invalid messages', async () => {
    const client = await open();
    for (let sent = 0; sent < 5; sent += 1) {
      client.send('?');
    }
    for (let told = 0; told < 5; told += 1) {
      assert.deepEqual(await client.next(), { type: 'invalid', errors: ['Not JSON'] });
    }
    const { code, reason } = await client.closed;
    assert.deepEqual([code, reason], [4400, 'Too many invalid messages']);
  });
});
