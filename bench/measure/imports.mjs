/**
 * Imports the packages that its arguments name, one after the other, and prints what that took as JSON. It runs from a
 * folder with these packages in `node_modules`, and is no TypeScript, so that no loader is at work.
 */
const names = process.argv.slice(2);
const start = performance.now();
const before = process.cpuUsage();
for (const name of names) {
  await import(name);
}
const { user, system } = process.cpuUsage(before);
const time = performance.now() - start;
const urls = names.map((name) => import.meta.resolve(name));
process.stdout.write(JSON.stringify({ cpu: (user + system) / 1000, time, urls }));
