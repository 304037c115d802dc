/** Members that npm sockjs 0.3.24 has and `compat/` has not, and the other way round. `members.spec.ts` compares them. */

/** The title in the README of `compat/`. */
export const PRIVATE_MEMBERS = 'Inner members of npm sockjs are not there';

const OF_SESSIONS = [
  'didTimeout',
  'emit_open',
  'flushToRecv',
  'is_closing',
  'send_buffer',
  'timeout_cb',
  'to_tref',
  'tryFlush',
  'unregister',
];

/** Of every receiver but a raw WebSocket. */
const OF_RECEIVERS = [
  'didAbort',
  'didClose',
  'doSendBulk',
  'doSendFrame',
  'heartbeat',
  'session',
  'setUp',
  'tearDown',
  'thingy',
  'thingy_end_cb',
];

/** What is looked at, and its own and inherited members that only npm sockjs has. */
export const MISSING: Readonly<Record<string, readonly string[]>> = {
  'lib/transport': ['GenericReceiver', 'ResponseReceiver', 'register', 'registerNoSession'],
  Session: ['bySessionId'],
  'a listener': ['app', 'dispatcher', 'path_regexp', 'webjs_handler'],
  '_session by websocket': OF_SESSIONS,
  '_session by websocket-raw': ['didTimeout', 'flushToRecv', 'tryFlush', 'unregister', 'ws'],
  '_session by xhr-streaming': OF_SESSIONS,
  '_session.recv by websocket': [...OF_RECEIVERS, 'didMessage', 'heartbeat_cb', 'heartbeat_timeout', 'ws'].sort(),
  '_session.recv by xhr-streaming': [
    ...OF_RECEIVERS,
    'curr_response_size',
    'delay_disconnect',
    'max_response_size',
    'options',
  ].sort(),
};

/** The same of what only this package has. */
export const ADDED: Readonly<Record<string, readonly string[]>> = {
  'the module': ['transport'],
  'options of a server': ['base_url', 'disable_cors', 'safe'],
  'a connection by websocket': ['pause', 'resume'],
  'a connection by websocket-raw': ['pause', 'resume'],
  'a connection by xhr-streaming': ['pause', 'resume'],
  '_session by websocket': ['didClose', 'didReject', 'follow', 'open', 'pause', 'resume'],
  '_session by websocket-raw': [
    'didReject',
    'disconnect_delay',
    'follow',
    'heartbeat_delay',
    'open',
    'pause',
    'resume',
    'session_id',
  ],
  '_session by xhr-streaming': ['didClose', 'didReject', 'follow', 'open', 'pause', 'resume'],
  '_session.recv by websocket': ['request', 'response'],
  '_session.recv by websocket-raw': ['request', 'response'],
  '_session.recv by xhr-streaming': ['connection'],
};
