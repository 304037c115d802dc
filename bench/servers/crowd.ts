/** As `member`, for applications other than an echo: one whose messages are names of rooms, and one that fills buffers. */
import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { attachUpgrade, type Session, sockjs } from '../../lib/index.ts';
import { redisCluster } from '../../lib/redis.ts';
import type { MemberSettings } from './group-settings.ts';
import { linked } from './member-links.ts';
import { LONG, run } from './program.ts';
import { connectTo } from './redis-process.ts';

/** Bytes of each message that fills a buffer. */
const PIECE = 8192;

/** ms in which kernels take what they have room for. */
const SETTLE = 500;

async function main({ redis, count, maxSendBuffer = 0, rooms = 0 }: MemberSettings): Promise<void> {
  const cluster = redisCluster(await connectTo(redis), { name: 'crowd' });
  const sessions = new Set<Session>();
  const closes = new Map<number, number>();
  let drained = 0;
  const options = {
    prefix: '/echo',
    cluster,
    heartbeatDelay: LONG,
    responseLimit: Number.MAX_SAFE_INTEGER,
  };
  const router = sockjs({ ...options, ...(maxSendBuffer === 0 ? {} : { maxSendBuffer }) }, (session) => {
    sessions.add(session);
    session.on('message', (room) => {
      session.join(room);
      session.send('joined');
    });
    session.on('close', ({ code }) => {
      sessions.delete(session);
      closes.set(code, (closes.get(code) ?? 0) + 1);
    });
  });
  await linked(router, count - 1);
  const server = createServer(router);
  attachUpgrade(server);

  /** Sends to each session until its buffer has room for one more message only, and no kernel takes any more. */
  const fill = async () => {
    for (let isFull = false; !isFull; ) {
      isFull = true;
      for (const session of sessions) {
        while (session.bufferedAmount + 2 * PIECE < maxSendBuffer) {
          session.send('x'.repeat(PIECE));
          isFull = false;
        }
      }
      await pause(SETTLE);
    }
    for (const session of sessions) {
      session.drained().then(
        () => {
          drained += 1;
        },
        () => {},
      );
    }
    if (closes.size > 0) {
      throw new Error(`sessions have closed: ${JSON.stringify([...closes])}`);
    }
    return JSON.stringify([...sessions].map(({ bufferedAmount }) => bufferedAmount));
  };

  const say = (message: string) => {
    for (let i = 0; i < rooms; i += 1) {
      router.to(`room${i}`).send(message);
    }
  };
  run(server, say, {
    stats: () => JSON.stringify(router.stats()),
    synced: async () => {
      await router.cluster?.synced();
      return 'synced';
    },
    fill,
    overfill: async () => {
      for (const session of [...sessions]) {
        session.send('x'.repeat(maxSendBuffer));
      }
      // The close frame waits for its client for as long as `disconnectDelay` says.
      for (let seconds = 0; seconds < 15 && sessions.size > 0; seconds += 1) {
        await pause(1000);
      }
      return JSON.stringify(closes.get(1013) ?? 0);
    },
    // Not what is resident: the allocator keeps what has passed through.
    held: () => {
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    },
    drained: () => JSON.stringify(drained),
  });
}

void main(JSON.parse(process.argv[2] ?? ''));
