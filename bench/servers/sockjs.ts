/** npm `sockjs`, the reference server. */
import { createServer } from 'sockjs';
import { runSockjs } from './sockjs-echo.ts';

runSockjs(createServer);
