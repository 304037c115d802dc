/** Widely used middleware in front of the endpoint: what it puts on requests and answers is there on every transport. */
import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import compression from 'compression';
import cors from 'cors';
import express, { type Express, type Request } from 'express';
import expressSession from 'express-session';
import helmet from 'helmet';
import passport from 'passport';
import { sockjs } from '../../lib/index.ts';
import { AsyncQueue } from '../support/async-queue.ts';
import { fetchText, post } from '../support/http.ts';
import { express4 } from '../support/mountings.ts';
import { ALL_NAMES, converse, echoUntilBye, HTTP_NAMES, http1, openPeer, serveUpgradable } from './support/peer.ts';

/** What express-session and passport put on a request. */
interface SignedIn extends IncomingMessage {
  sessionID?: string;
  session?: { visits?: number; passport?: { user: string } };
  user?: { name: string };
}

const EXPRESSES: readonly [string, typeof express][] = [
  ['Express 5', express],
  ['Express 4', express4],
];

/** A server of one app, with the endpoint behind the middleware of `before`, and the requests of its sessions. */
async function serveBehind(before: (app: Express) => unknown, library = express) {
  const requests = new AsyncQueue<SignedIn>();
  const app = library().disable('x-powered-by').set('env', 'test');
  before(app);
  app.use(
    '/echo',
    sockjs<unknown, SignedIn>({ rawWebsocket: true }, (session) => {
      requests.push(session.request);
      return echoUntilBye(session);
    }),
  );
  return { ...(await serveUpgradable(app)), requests };
}

/** The cookie that an answer sets, less its attributes. */
function cookieIn(headers: IncomingMessage['headers']): string {
  const [cookie] = headers['set-cookie'] ?? [];
  return String(cookie).split(';')[0] ?? '';
}

for (const [name, library] of EXPRESSES) {
  describe(`compression() in front, ${name}`, () => {
    for (const transport of ALL_NAMES) {
      it(`holds nothing back on ${transport}`, async () => {
        const { httpClient } = await serveBehind((app) => app.use(compression({ threshold: 0 })), library);
        await converse(httpClient, transport, { headers: { 'accept-encoding': 'gzip, deflate, br' } });
      });
    }

    it('compresses the answers of others', async () => {
      const { origin } = await serveBehind((app) => {
        app.use(compression({ threshold: 0 })).get('/page', (_req, res) => {
          res.send('page');
        });
      }, library);
      const { headers } = await fetchText(`${origin}/page`, 'GET', { headers: { 'accept-encoding': 'gzip' } });
      assert.equal(headers['content-encoding'], 'gzip');
    });
  });

  describe(`helmet() in front, ${name}`, () => {
    const behindHelmet = () => serveBehind((app) => app.use(helmet()), library);

    for (const transport of ALL_NAMES) {
      it(`lets ${transport} through, and has its headers on the answer`, async () => {
        const { httpClient } = await behindHelmet();
        const { headers } = await converse(httpClient, transport);
        assert.equal(headers['x-content-type-options'], 'nosniff');
        assert.match(String(headers['strict-transport-security']), /^max-age=/);
      });
    }

    for (const [title, path, policy] of [
      ['the iframe page', '/echo/iframe.html', /script-src 'sha256-[^']+' 'self' https:.*frame-ancestors \*$/],
      ['htmlfile', '/echo/0/h/htmlfile?c=cb', /script-src 'unsafe-inline';.*frame-ancestors \*$/],
    ] as const) {
      it(`does not keep ${title} from being framed by a foreign page, and its script from running`, async () => {
        const { httpClient } = await behindHelmet();
        const { headers } = await httpClient.request('GET', path);
        assert.match(String(headers['content-security-policy']), policy);
        assert.equal(headers['x-frame-options'], undefined);
        assert.equal(headers['cross-origin-resource-policy'], 'cross-origin');
      });
    }

    it('does not keep a foreign page from loading jsonp, nor from seeing what jsonp_send answers', async () => {
      const { httpClient } = await behindHelmet();
      for (const [method, path] of [
        ['GET', '/echo/0/j/jsonp?c=cb'],
        ['POST', '/echo/0/j/jsonp_send'],
      ] as const) {
        const { headers } = await httpClient.request(method, path, {}, method === 'POST' ? '["x"]' : '');
        assert.equal(headers['cross-origin-resource-policy'], 'cross-origin', path);
        assert.equal(headers['x-frame-options'], undefined, path);
      }
    });
  });

  describe(`cors() in front, ${name}`, () => {
    const PAGE = 'https://page.example';

    for (const [title, options, allowed] of [
      ['for every origin', {}, PAGE],
      ['for one origin, with credentials', { origin: PAGE, credentials: true }, PAGE],
    ] as const) {
      for (const transport of ALL_NAMES) {
        it(`${title} lets ${transport} through`, async () => {
          const { httpClient } = await serveBehind((app) => app.use(cors(options)), library);
          await converse(httpClient, transport, { headers: { origin: PAGE } });
        });
      }

      it(`${title} leaves one Access-Control-Allow-Origin, which a client with credentials can use`, async () => {
        const { origin } = await serveBehind((app) => app.use(cors(options)), library);
        for (const [method, path] of [
          ['GET', '/info'],
          ['POST', '/0/s/xhr'],
          ['POST', '/0/s/xhr_send'],
        ] as const) {
          const { headers } = await fetchText(`${origin}/echo${path}`, method, { headers: { origin: PAGE } });
          assert.equal(headers['access-control-allow-origin'], allowed, path);
          assert.equal(headers['access-control-allow-credentials'], 'true', path);
          assert.match(String(headers.vary), /\bOrigin\b/, path);
        }
      });
    }

    it('answers preflights itself, and allows the POST that follows', async () => {
      const { origin } = await serveBehind((app) => app.use(cors({ origin: PAGE, credentials: true })), library);
      const { status, headers } = await fetchText(`${origin}/echo/0/s/xhr`, 'OPTIONS', {
        headers: { origin: PAGE, 'access-control-request-method': 'POST' },
      });
      assert.equal(status, 204);
      assert.equal(headers['access-control-allow-origin'], PAGE);
      assert.equal(headers['access-control-allow-credentials'], 'true');
      assert.match(String(headers['access-control-allow-methods']), /\bPOST\b/);
    });
  });

  describe(`express-session in front, ${name}`, () => {
    const behindSession = (more: Partial<expressSession.SessionOptions> = {}) =>
      serveBehind((app) => {
        app.use(expressSession({ secret: 'secret', resave: false, saveUninitialized: true, ...more }));
        app.use((req, _res, next) => {
          const { session } = req as IncomingMessage as SignedIn;
          if (session !== undefined) {
            session.visits = (session.visits ?? 0) + 1;
          }
          next();
        });
        app.get('/visit', (_req, res) => {
          res.end();
        });
      }, library);

    for (const transport of ALL_NAMES) {
      it(`gives a newcomer its cookie on ${transport}, and the cookie finds the session again`, async () => {
        const { httpClient, origin, requests } = await behindSession();
        const { headers } = await converse(httpClient, transport);
        const first = await requests.next();
        assert.match(cookieIn(headers), /^connect\.sid=s%3A./);
        assert.equal(first.session?.visits, 1);
        // Another transport, another id: what they share is the cookie.
        await openPeer(http1(origin), 'xhr-polling', { id: 'other', headers: { cookie: cookieIn(headers) } });
        const second = await requests.next();
        assert.equal(second.sessionID, first.sessionID);
        assert.equal(Number(second.session?.visits) > 1, true, 'what the first request left was stored');
      });

      it(`finds the session of a visitor on ${transport}, and renews the cookie where it rolls`, async () => {
        const { httpClient, origin, requests } = await behindSession({ rolling: true });
        const visit = await fetchText(`${origin}/visit`);
        const { headers } = await converse(httpClient, transport, { headers: { cookie: cookieIn(visit.headers) } });
        assert.equal(cookieIn(headers), cookieIn(visit.headers));
        const { session, sessionID } = await requests.next();
        assert.equal(session?.visits, 2);
        assert.equal(cookieIn(headers).includes(encodeURIComponent(`s:${sessionID}.`)), true, cookieIn(headers));
      });
    }
  });

  describe(`passport in front, ${name}`, () => {
    /** Believes what it is told, which is enough to see what becomes of it. */
    class Believing extends passport.Strategy {
      override name = 'believing';

      override authenticate(req: Request) {
        const { name } = req.query;
        this.success({ name: String(name) });
      }
    }

    async function behindPassport() {
      const authenticator = new passport.Passport();
      authenticator.use(new Believing());
      authenticator.serializeUser<string>((user, done) => done(null, (user as { name: string }).name));
      authenticator.deserializeUser<string>((user, done) => done(null, { name: user }));
      return serveBehind((app) => {
        app.use(expressSession({ secret: 'secret', resave: false, saveUninitialized: false }));
        app.use(authenticator.session());
        app.post('/login', authenticator.authenticate('believing'), (_req, res) => {
          res.end();
        });
        app.use('/echo', (req, res, next) => {
          if (req.isAuthenticated()) {
            next();
          } else {
            res.sendStatus(401);
          }
        });
      }, library);
    }

    for (const transport of ALL_NAMES) {
      it(`has the user and the session on session.request on ${transport}`, async () => {
        const { httpClient, origin, requests } = await behindPassport();
        const login = await post(`${origin}/login?name=ann`);
        await converse(httpClient, transport, { headers: { cookie: cookieIn(login.headers) } });
        const { user, session } = await requests.next();
        assert.deepEqual(user, { name: 'ann' });
        assert.deepEqual(session?.passport, { user: 'ann' });
      });

      it(`keeps who has not signed in from ${transport}`, async () => {
        const { httpClient, requests } = await behindPassport();
        await assert.rejects(openPeer(httpClient, transport), /401/);
        assert.equal(requests.size, 0);
      });
    }
  });

  describe(`all of them in front, ${name}`, () => {
    const inFront = (app: Express) =>
      app.use(
        compression({ threshold: 0 }),
        helmet(),
        cors({ origin: true, credentials: true }),
        expressSession({ secret: 'secret', resave: true, saveUninitialized: true, rolling: true }),
        library.json(),
        library.urlencoded({ extended: true }),
      );

    for (const transport of ALL_NAMES) {
      it(`let ${transport} through and get a cookie to the client${
        HTTP_NAMES.includes(transport) ? ', with each send as well' : ''
      }`, async () => {
        const { httpClient, requests } = await serveBehind(inFront, library);
        const headers = { 'accept-encoding': 'gzip', origin: 'https://page.example' };
        const peer = await openPeer(httpClient, transport, { headers });
        const sent = await peer.send('x');
        assert.equal(await peer.next(), 'x');
        await peer.send('bye');
        assert.deepEqual(await peer.closed(), { code: 3000, reason: 'as you wish' });
        assert.equal((await requests.next()).session !== undefined, true);
        for (const answered of [peer.headers, sent]) {
          assert.match(answered === undefined ? 'connect.sid=' : cookieIn(answered), /^connect\.sid=/);
        }
      });
    }
  });
}
