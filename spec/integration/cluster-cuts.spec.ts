/** Links between real processes that are cut at random, under load: which sessions end, and that both sides agree. */
import assert from 'node:assert/strict';
import { Random } from '../hostile/random.ts';
import { Balancer } from '../support/cluster/balancer.ts';
import { numbers } from '../support/cluster/exchanges.ts';
import { Network } from '../support/cluster/network.ts';
import { NumberedClient } from '../support/cluster/numbered-client.ts';
import type { ObservedNode, ObservedNodes } from '../support/cluster/observed-nodes.ts';
import { makeCluster } from '../support/cluster/test-cluster.ts';
import { makeWorkers } from '../support/cluster/workers/workers.ts';
import type { HttpReceiver } from '../support/contract.ts';
import { describeWithRedis, useRedis } from '../support/redis/redis-server.ts';
import { HTTP_RECEIVERS } from '../support/transport-cases.ts';

const CUTS = 20;

/** Messages between two cuts, at most. */
const MESSAGES = 60;

/** Which links are cut, and when. Another seed: `MODEL_SEED=… npx mocha spec/integration/cluster-cuts.spec.ts`. */
const SEED = Number(process.env['MODEL_SEED'] ?? 4711);

/** ms: a session ends after it whose client has left between two polls. */
const DISCONNECT_DELAY = 5_000;

/** What a session may end with whose link is cut: at its owner, and for its client. */
const ENDS = ['1002 Connection interrupted', '1012 Session lost'];

/** A session under load, and how many of its messages were taken. */
interface Load {
  readonly client: NumberedClient;
  taken: number;
}

/** Sends numbered messages until the session has ended or is to have enough. Then all have come back. */
async function exchange(load: Load, isEnough: () => boolean): Promise<void> {
  const { client } = load;
  while (client.end === undefined && !isEnough()) {
    const { status } = await client.send(String(load.taken));
    if (status === 404) {
      client.leave();
    } else if (status !== 503) {
      assert.ok(status === 204 || status === 200, `a send of ${client.id} got ${status}`);
      load.taken += 1;
    }
  }
  await client.until(() => client.received.length >= load.taken || client.end !== undefined, `${load.taken} messages`);
}

/** Whether the session has gone on without a gap, or has ended at both sides, which have seen no gap before. */
async function assertAgreement(processes: ObservedNodes<ObservedNode>, { client, taken }: Load): Promise<void> {
  const { id, received, end } = client;
  const owner = processes.ownerOf(id);
  assert.deepEqual(received, numbers(received.length), id);
  if (end === undefined) {
    assert.equal(owner.sessions.get(id)?.end, undefined, id);
    assert.deepEqual(await processes.messagesOf(id, taken), numbers(taken), id);
    assert.equal(received.length, taken, id);
  } else {
    const { code, reason } = await processes.endOf(id);
    assert.ok(ENDS.includes(`${code} ${reason}`), `${id} has ended with ${code} ${reason}`);
    // A stream may break off in the middle of a frame. A client leaves whose send was lost.
    assert.ok(
      end.kind === 'cut' ||
        end.kind === 'left' ||
        (end.kind === 'closed' && ENDS.includes(`${end.code} ${end.reason}`)),
      id,
    );
    const messages = await processes.messagesOf(id, taken);
    assert.deepEqual(messages, numbers(messages.length), id);
    // The last one may have been taken, though its sender was told of the end.
    assert.ok(messages.length === taken || messages.length === taken + 1, id);
    assert.ok(received.length <= messages.length, id);
  }
}

/**
 * Has sessions of all transports exchange messages while links between three processes are cut.
 *
 * @param links the links that are open; `cut()` ends one as a reset does
 */
async function cutUnderLoad<Node extends ObservedNode>(
  processes: ObservedNodes<Node>,
  links: (nodes: readonly Node[]) => readonly { cut(): void }[],
): Promise<void> {
  const random = new Random(SEED);
  const nodes = await processes.start(3);
  const balancer = await Balancer.start(nodes);
  const loads: Load[] = [];
  let cuts = 0;
  let isLoadOver = false;
  // On a busy machine no request may be on a link that is cut: then some more are.
  const isOver = () => cuts >= CUTS && (cuts >= 5 * CUTS || loads.some(({ client: { end } }) => end !== undefined));
  // Each transport has a session at all times: where one ends, the next begins.
  const keepOne = async (transport: HttpReceiver) => {
    while (!isLoadOver) {
      const client = new NumberedClient(transport, () => balancer);
      client.isInsistent = true;
      const load = { client: await client.open(), taken: 0 };
      loads.push(load);
      await exchange(load, () => isLoadOver);
    }
  };
  const received = () => loads.reduce((sum, { client }) => sum + client.received.length, 0);
  const cutAll = async () => {
    while (!isOver()) {
      const due = received() + 1 + random.below(MESSAGES);
      let open: ReturnType<typeof links> = [];
      const areThere = () => {
        open = links(nodes);
        return received() >= due && open.length > 0;
      };
      await processes.until(areThere, `${due} messages`);
      // The last cut may have ended a session only now.
      if (!isOver()) {
        random.pick(open).cut();
        cuts += 1;
      }
    }
  };
  // The load goes on while messages are waited for.
  const cutting = cutAll().finally(() => {
    isLoadOver = true;
  });
  await Promise.all([cutting, ...HTTP_RECEIVERS.map(keepOne)]);
  for (const load of loads) {
    await assertAgreement(processes, load);
  }
  assert.ok(
    loads.some(({ client }) => client.end !== undefined),
    'no cut has ended a session',
  );
  await processes.until(() => nodes.every((node) => node.isUpWith(nodes)), 'links between all processes');
}

const TITLE = `end a session on both sides or let it go on without a gap, ${CUTS} times under load`;

describeWithRedis('Links that are cut', () => {
  const redis = useRedis();

  it(TITLE, async () => {
    const network = new Network(redis.port);
    const processes = makeCluster(redis, { network, disconnectDelay: DISCONNECT_DELAY });
    await cutUnderLoad(processes, () => network.links);
  });
});

describe('Links between workers that are cut', () => {
  it(TITLE, async () => {
    const workers = makeWorkers({ disconnectDelay: DISCONNECT_DELAY });
    await cutUnderLoad(workers, (nodes) => nodes.filter((node) => node.isUpWith(nodes)).flatMap(({ links }) => links));
  });
});
