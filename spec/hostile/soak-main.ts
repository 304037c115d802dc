/** `npm run soak [-- SECONDS [SESSIONS]]`: 2000 sessions over all transports for five minutes. */
import assert from 'node:assert/strict';
import { soak } from './soak.ts';

const [seconds = '300', sessions = '2000'] = process.argv.slice(2);
/** What caches of Node's own may keep. */
const ALLOWED_HEAP_GROWTH = 8 * 1024 * 1024;

const result = await soak({ sessions: Number(sessions), seconds: Number(seconds), seed: Date.now() % 1_000_000 });
console.log(result);
assert.ok(result.heapGrowth < ALLOWED_HEAP_GROWTH, `the heap grew by ${result.heapGrowth} bytes`);
