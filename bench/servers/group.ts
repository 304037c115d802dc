/**
 * Several processes as one server. Starts them, and a Redis and nginx where they need one; prints the ports; sums up
 * what they cost. nginx is left out of that, Redis is not.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemberProcess } from './child.ts';
import type { GroupSettings, Listening, MemberSettings } from './group-settings.ts';
import { startNginx } from './nginx.ts';
import { control } from './program.ts';
import { commandsOf, connectTo, cpuOf, memoryOf, startRedis } from './redis-process.ts';

async function main(settings: GroupSettings): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-group-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const redis = settings.links === undefined || settings.program === 'relay' ? '' : startRedis(folder);
  const client = redis === '' ? undefined : await connectTo(redis);
  const members = Array.from({ length: settings.count }, (_, index) => {
    const own: MemberSettings = { ...settings, index, folder, redis };
    return new MemberProcess(settings.program, own);
  });
  const listening = await Promise.all(
    members.map(async (member): Promise<Listening> => JSON.parse(await member.next())),
  );
  if (settings.program === 'relay') {
    const peers = JSON.stringify(listening.map(({ link }) => link));
    await Promise.all(members.map((member) => member.ask(`peers ${peers}`)));
  }
  const all = (line: string) => Promise.all(members.map((member) => member.ask(line)));
  const ports = listening.map(({ port }) => port);
  const front = settings.front === undefined ? ports : [await startNginx(folder, ports)];
  console.log(JSON.stringify({ port: front[0], ports: front, pids: members.map(({ pid }) => pid) }));
  control(
    {
      broadcast: (message) => members[0]?.tell(`broadcast ${message}`),
      cpu: async () => {
        const [own, ofRedis] = await Promise.all([all('cpu'), client === undefined ? 0 : cpuOf(client)]);
        return own.reduce((sum, each) => sum + Number(each), ofRedis);
      },
      release: async () => (await all('release'))[0],
      // What one of them answers, and what all do.
      at: (line) => members[Number.parseInt(line, 10)]?.ask(line.slice(line.indexOf(' ') + 1)),
      all: async (line) => JSON.stringify(await all(line)),
      // Of Redis.
      commands: () => client && commandsOf(client),
      memory: async () => JSON.stringify(client === undefined ? { used: 0, eachKey: 0 } : await memoryOf(client)),
    },
    () => Promise.all(members.map((member) => member.end())),
  );
}

void main(JSON.parse(process.argv[2] ?? ''));
