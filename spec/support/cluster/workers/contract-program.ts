/** Runs the contract of registries between a real primary and two of its workers. Prints the failures as JSON. */
import cluster, { type Worker } from 'node:cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import { nodeCluster, setupPrimary } from '../../../../lib/cluster.ts';
import type { ClusterRegistry } from '../../../../lib/options/cluster-adapter.ts';
import { contractOfLastingLeases } from '../registry-contract.ts';

let clusters = 0;

/** A worker that runs the cases itself: each in an endpoint of its own. */
async function runCases(): Promise<string[]> {
  const cases = contractOfLastingLeases(() => {
    clusters += 1;
    const name = `contract-${process.pid}-${clusters}`;
    return { registry: (): ClusterRegistry => nodeCluster({ name }).registry, elapse: (ms) => sleep(ms + 1) };
  });
  const failed: string[] = [];
  try {
    setupPrimary();
    failed.push('setupPrimary() has done something in a worker');
  } catch (error) {
    if (!/setupPrimary\(\) is for the primary process/.test(String(error))) {
      failed.push(String(error));
    }
  }
  for (const { title, run } of cases) {
    try {
      await run();
    } catch (error) {
      failed.push(`${title}: ${error}`);
    }
  }
  return failed;
}

if (cluster.isPrimary) {
  setupPrimary();
  setupPrimary();
  const failures: string[] = [];
  let running = 2;
  const onMessage = (worker: Worker, message: unknown) => {
    if (Array.isArray(message)) {
      failures.push(...message);
      worker.disconnect();
      running -= 1;
      if (running === 0) {
        console.log(`failed: ${JSON.stringify(failures)}`);
      }
    }
  };
  cluster.on('message', onMessage);
  cluster.fork();
  // Their messages are another kind of JSON.
  cluster.setupPrimary({ serialization: 'advanced' });
  cluster.fork();
} else {
  process.send?.(await runCases());
}
