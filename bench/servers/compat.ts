/** `sockjs-compat`, which takes the place of npm `sockjs`: the built file, as users load it. */
import { createRequire } from 'node:module';
import { runSockjs } from './sockjs-echo.ts';

// `bench/measure/bundle.ts` builds it beside the folder of this program's bundle.
const load = createRequire(process.argv[1] ?? '');
const { createServer }: typeof import('sockjs') = load('../compat/index.cjs');

runSockjs(createServer);
