import assert from 'node:assert/strict';
import { stopClock } from '../support/clock.ts';
import { post, Stream } from '../support/http.ts';
import { serve } from '../support/server.ts';

describe('xhr-polling', () => {
  it('opens a session with the first poll and answers each poll with one frame', async () => {
    const { origin } = await serve();
    const url = `${origin}/echo/000/polling`;
    const open = await post(`${url}/xhr`);
    assert.equal(open.status, 200);
    assert.equal(open.body, 'o\n');
    assert.equal(open.headers['content-type'], 'application/javascript; charset=UTF-8');
    assert.equal(open.headers['content-length'], '2');

    const sent = await post(`${url}/xhr_send`, '["x","y"]');
    assert.equal(sent.status, 204);
    assert.equal((await post(`${url}/xhr`)).body, 'a["x","y"]\n');
  });

  it('completes a silent poll with a heartbeat', async () => {
    const clock = stopClock();
    const { server, origin } = await serve({ heartbeatDelay: 1000 });
    await post(`${origin}/echo/000/heart/xhr`);
    const asked = new Promise((resolve) => server.once('request', resolve));
    const poll = new Stream(`${origin}/echo/000/heart/xhr`, 'POST');
    await asked;
    clock.tick(1000);
    assert.equal(await poll.next(), 'h\n');
  });
});
