/** The recipes that send to many sessions: rooms, and who is in them. */
import assert from 'node:assert/strict';
import { Client, type TRANSPORTS } from '../../e2e/support/client.ts';
import { post } from '../../support/http.ts';
import { useRecipe } from '../../support/recipes.ts';

describe('rooms', () => {
  const recipe = useRecipe('rooms');

  it('brings what is said to the room, and the count to all', async () => {
    const open = async (transport: (typeof TRANSPORTS)[number]) => {
      const client = new Client(`${recipe.origin}/chat`, transport);
      await client.opened;
      return client;
    };
    const ann = await open('websocket');
    assert.equal(await ann.next(), '1 here');
    const bob = await open('xhr-streaming');
    const cid = await open('xhr-polling');
    assert.deepEqual(await ann.take(2), ['2 here', '3 here']);
    assert.deepEqual(await bob.take(2), ['2 here', '3 here']);
    assert.equal(await cid.next(), '3 here');

    ann.send('/join cooking');
    assert.equal(await ann.next(), 'You are in cooking');
    assert.equal(await bob.next(), 'Guest 1 goes to cooking');
    assert.equal(await cid.next(), 'Guest 1 goes to cooking');

    bob.send('Lobby?');
    assert.equal(await cid.next(), 'Guest 2: Lobby?');
    cid.send('/join attic');
    assert.equal(await cid.next(), 'There are lobby, cooking, cycling');
    cid.send('/join cooking');
    assert.equal(await cid.next(), 'You are in cooking');
    cid.send('Soup?');
    // Not what was said in the lobby, which was earlier.
    assert.equal(await ann.next(), 'Guest 3: Soup?');

    cid.socket.close();
    assert.equal(await ann.next(), '2 here');
    // Nor did the one who spoke hear himself.
    assert.deepEqual(await bob.take(2), ['Guest 3 goes to cooking', '2 here']);
  });
});

describe('presence', () => {
  const open = async (origin: string, query: string, transport: (typeof TRANSPORTS)[number] = 'websocket') => {
    const client = new Client(`${origin}/chat?${query}`, transport);
    await client.opened;
    const next = async () => JSON.parse(await client.next());
    const leave = async () => {
      client.socket.close();
      await client.closed;
    };
    return { next, leave, send: (text: string) => client.send(text) };
  };
  const here = (...names: string[]) => ({ type: 'here', names });
  const joined = (name: string) => ({ type: 'joined', name });
  const left = (name: string) => ({ type: 'left', name });
  const said = (name: string, text: string) => ({ type: 'said', name, text });

  describe('where those who leave are gone at once', () => {
    const recipe = useRecipe('presence', { LEAVE_DELAY: '0' });

    it('tells newcomers who is in their room, and the room who comes and who leaves', async () => {
      const ann = await open(recipe.origin, 'room=lobby&name=ann');
      assert.deepEqual(await ann.next(), here('ann'));
      const bob = await open(recipe.origin, 'room=lobby&name=bob', 'xhr-streaming');
      assert.deepEqual(await bob.next(), here('ann', 'bob'));
      assert.deepEqual(await ann.next(), joined('bob'));
      const eve = await open(recipe.origin, 'room=cooking&name=eve', 'xhr-polling');
      assert.deepEqual(await eve.next(), here('eve'));

      bob.send('hello');
      // Not of Eve, who is in another room.
      assert.deepEqual(await ann.next(), said('bob', 'hello'));
      await bob.leave();
      assert.deepEqual(await ann.next(), left('bob'));
      const cid = await open(recipe.origin, 'room=cooking&name=cid');
      assert.deepEqual(await cid.next(), here('eve', 'cid'));
      assert.deepEqual(await eve.next(), joined('cid'));
    });

    it('counts a person with many tabs once, who leaves with the last of them', async () => {
      const ann = await open(recipe.origin, 'room=cycling&name=ann');
      assert.deepEqual(await ann.next(), here('ann'));
      const tabs = [
        await open(recipe.origin, 'room=cycling&name=bob'),
        await open(recipe.origin, 'room=cycling&name=bob'),
      ] as const;
      assert.deepEqual(await ann.next(), joined('bob'));
      for (const tab of tabs) {
        assert.deepEqual(await tab.next(), here('ann', 'bob'));
      }
      await tabs[0].leave();
      tabs[1].send('still here');
      assert.deepEqual(await ann.next(), said('bob', 'still here'));
      await tabs[1].leave();
      assert.deepEqual(await ann.next(), left('bob'));
      // Only once.
      const cid = await open(recipe.origin, 'room=cycling&name=cid');
      assert.deepEqual([await cid.next(), await ann.next()], [here('ann', 'cid'), joined('cid')]);
    });

    for (const query of [
      '',
      'name=ann',
      'room=lobby',
      'room=attic&name=ann',
      'room=lobby&name=',
      'room=lobby&name=a+b',
    ]) {
      it(`refuses ${query || 'a client without room and name'}`, async () => {
        assert.equal((await post(`${recipe.origin}/chat/0/a/xhr?${query}`)).status, 403);
      });
    }
  });

  describe('where those who leave have time to come back', () => {
    const recipe = useRecipe('presence', { LEAVE_DELAY: '1000000' });

    it('tells nothing of a page that is loaded again', async () => {
      const ann = await open(recipe.origin, 'room=lobby&name=ann');
      const bob = await open(recipe.origin, 'room=lobby&name=bob');
      assert.deepEqual([await ann.next(), await ann.next()], [here('ann'), joined('bob')]);
      await bob.leave();
      const again = await open(recipe.origin, 'room=lobby&name=bob');
      assert.deepEqual(await again.next(), here('ann', 'bob'));
      again.send('back');
      assert.deepEqual(await ann.next(), said('bob', 'back'));
    });
  });
});
