/** Endpoints for what the protocol server lacks. Prints what their sessions see; a POST to `/close` closes all. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import session from 'express-session';
import { attachUpgrade, type Session, type SockjsOptions, sockjs } from '../../../lib/index.ts';
import { pristine, REPLACED } from '../../../lib/util/pristine.ts';

const PORTION = 'x'.repeat(65_536);
const PORTIONS = 1_000;

interface WithSession {
  readonly session?: { visits?: number };
}

/** How many portions the last flood has sent. */
let sent = 0;

/** Sends more than kernels buffer, at the pace of the client. */
async function flood(to: Session): Promise<void> {
  for (sent = 0; sent < PORTIONS; sent += 1) {
    await to.drained();
    to.send(PORTION);
  }
  await to.drained();
  console.log(`sent all ${to.transport}`);
}

/** Sends much more than a kernel buffers, in one message. */
function overwhelm(to: Session): void {
  to.send('x'.repeat(16 * 1024 * 1024));
}

/** Takes every message, but only from the time that the next request tells it to. */
let startReading: () => void = () => {};

async function readLate(from: Session): Promise<void> {
  await new Promise<void>((resolve) => {
    startReading = resolve;
  });
  for await (const message of from) {
    if (message === 'last') {
      break;
    }
  }
  console.log(`read all ${from.transport}`);
}

function echo(to: Session): void {
  to.on('message', (message) => {
    if (message === 'bye') {
      to.close(3000, 'Go away!');
    } else {
      to.send(message);
    }
  });
}

const app = express().disable('x-powered-by');
app.use(session({ secret: 'of the specs', resave: false, saveUninitialized: true, name: 'visits' }));
app.use((req: express.Request & WithSession, res, next) => {
  res.setHeader('X-Encrypted', String(Boolean((res.socket as { encrypted?: boolean } | null)?.encrypted)));
  if (req.session !== undefined) {
    req.session.visits = (req.session.visits ?? 0) + 1;
  }
  next();
});
app.get('/login', (_req, res) => void res.send('in'));

const routers = Object.entries({
  echo: [{ rawWebsocket: true }, echo],
  beats: [{ heartbeatDelay: 100 }, echo],
  hasty: [
    { receiveTimeout: 300, websocketWriteTimeout: 300, maxSendBuffer: 2 ** 30, maxMessageSize: 1000 },
    onMessage(overwhelm),
  ],
  flood: [{ responseLimit: Number.MAX_SAFE_INTEGER }, onMessage(flood)],
  late: [{ maxReceiveBuffer: 65_536 }, readLate],
  visits: [{}, (to) => to.send(`${(to.request as WithSession).session?.visits}`)],
} satisfies Record<string, [SockjsOptions, (session: Session) => unknown]>).map(([name, [options, onSession]]) => {
  const router = sockjs(options, (opened) => {
    opened.on('close', ({ code, reason }) => console.log(`closed ${name} ${opened.transport} ${code} ${reason}`));
    return onSession(opened) as undefined;
  });
  app.use(`/${name}`, router);
  return router;
});

function onMessage(answer: (to: Session) => unknown): (session: Session) => void {
  return (to) => {
    // A session that ends meanwhile has `drained()` reject.
    to.on('message', () => void Promise.resolve(answer(to)).catch(() => {}));
  };
}

app.get('/bypasses', (_req, res) => void res.send(`${pristine(flood, '.drained()') !== REPLACED}`));
app.get('/sent', (_req, res) => void res.send(`${sent}`));
app.post('/read', (_req, res) => {
  startReading();
  res.end();
});
app.post('/close', (_req, res) => {
  res.end();
  void Promise.all(routers.map((router) => router.close({ timeout: 500 }))).then(() => console.log('all closed'));
});

process.on('warning', ({ message }) => console.log(`warning ${message}`));
const server = createServer(app);
attachUpgrade(server);
server.listen(0, '127.0.0.1', () => {
  console.log(`Listening on http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
});
