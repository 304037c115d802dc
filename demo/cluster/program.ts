/**
 * The demo of many processes: three of them on one port, and a page that shows what each does. `npm run demo:cluster` runs
 * it. They share their sessions by `nodeCluster()`, or by `redisCluster()` where `REDIS_URL` names a Redis.
 */
import cluster from 'node:cluster';

if (cluster.isPrimary) {
  const { runPrimary } = await import('./primary.ts');
  runPrimary();
} else {
  const { runWorker } = await import('./worker.ts');
  await runWorker();
}
