/** What programs do that no JSON can say: functions as options, listeners of their own, methods that they replace. */

const failing = (what) => () => {
  throw new Error(`of ${what}`);
};

/** The first line of what an error has logged, without the stack behind it. */
const logErrors = (print) => (severity, line) => {
  if (severity === 'error') {
    print('logged', line.includes('/echo/'), /Error: (.*)/.exec(line)?.[1]);
  }
};

module.exports = {
  /** A function that looks at the request, and sets a cookie. */
  cookie: ({ print }) => ({
    options: {
      jsessionid: (req, res) => {
        print('cookies', req.cookies, req.url);
        res.setHeader('Set-Cookie', `seen=${req.cookies.JSESSIONID}`);
      },
    },
  }),
  failingCookie: ({ print }) => ({ options: { jsessionid: failing('jsessionid'), log: logErrors(print) } }),
  rejectingCookie: ({ print }) => ({
    options: { jsessionid: async () => failing('jsessionid')(), log: logErrors(print) },
  }),
  failingBaseUrl: ({ print }) => ({ options: { base_url: failing('base_url'), log: logErrors(print) } }),
  /** An event that the program itself emits on the server. */
  ownEvent: () => ({
    start: (echo) => {
      echo.on('own', async () => failing('own')());
      echo.on('connection', () => echo.emit('own'));
    },
  }),
  /** A listener of `end`, which comes before that of the program. */
  failingEnd: () => ({ start: (echo) => echo.on('connection', (conn) => conn.on('end', failing('end'))) }),
  /** Replaces `decorateConnection` by one that throws the first time. */
  failingDecoration: ({ redecorate }) => {
    let calls = 0;
    redecorate(
      (decorate) =>
        function (req) {
          calls += 1;
          return calls === 1 ? failing('decorateConnection')() : decorate.call(this, req);
        },
    );
  },
  failingDidClose: ({ print, sessions }) => {
    sessions.prototype.didClose = failing('didClose');
    return { options: { log: logErrors(print) } };
  },
  failingDidMessage: ({ print, sessions }) => {
    const { didMessage } = sessions.prototype;
    sessions.prototype.didMessage = function (message) {
      if (message === 'a') {
        failing('didMessage')();
      }
      didMessage.call(this, message);
    };
    return { options: { log: logErrors(print) } };
  },
  /** Closes with a code that no JSON can have. */
  closing: () => ({ start: (echo) => echo.on('connection', (conn) => conn.close(Number.NaN, 'x')) }),
  /** What a session refers to, while it is open and when it is over. */
  references: ({ print }) => ({
    start: (echo) =>
      echo.on('connection', (conn) => {
        const session = conn._session;
        print('open', session.connection === conn, session.session_id);
        conn.on('close', () => setImmediate(() => print('over', session.connection, session.session_id)));
      }),
  }),
  /** Prints when the response to the second poll has been collected, for which it calls the garbage collector. */
  collected: ({ print, redecorate }) => {
    require('node:v8').setFlagsFromString('--expose-gc');
    const collect = require('node:vm').runInNewContext('gc');
    const registry = new FinalizationRegistry(() => print('collected'));
    let polls = 0;
    redecorate(
      (decorate) =>
        function (req) {
          polls += 1;
          if (polls === 2) {
            registry.register(this.recv.response);
            setInterval(collect, 50).unref();
          }
          return decorate.call(this, req);
        },
    );
  },
  failingConnection: () => ({ start: (echo) => echo.on('connection', async () => failing('connection')()) }),
};
