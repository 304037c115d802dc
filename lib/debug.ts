/** The names under which this package tells what it does: set `DEBUG=sockjs:*` to see it. */
import createDebug from 'debug';

export const debugSession = createDebug('sockjs:session');
export const debugUpgrade = createDebug('sockjs:upgrade');
export const debugRequest = createDebug('sockjs:request');
export const debugWebSocket = createDebug('sockjs:websocket');
