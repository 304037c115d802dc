/** nginx before the processes of a group: gives all requests of a session to one of them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** Starts it, and settles with its port when it listens. It ends with the program. */
export async function startNginx(folder: string, ports: readonly number[]): Promise<number> {
  const port = await freePort();
  const path = join(folder, 'nginx.conf');
  writeFileSync(path, configuration(folder, port, ports));
  const nginx = spawn('nginx', ['-p', folder, '-e', 'stderr', '-c', path], { stdio: ['ignore', 'ignore', 'inherit'] });
  nginx.on('exit', () => process.exit(1));
  process.on('exit', () => nginx.kill('SIGKILL'));
  while (!(await listens(port))) {
    await pause(10);
  }
  return port;
}

/** One process, which keeps connections to both sides open. */
function configuration(folder: string, port: number, ports: readonly number[]): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `daemon off;
master_process off;
pid ${folder}/nginx.pid;
worker_rlimit_nofile 16384;
events { worker_connections 8192; }
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  map $uri $session { ~^/[^/]+/[^/]+/([^/]+)/ $1; }
  upstream group {
    hash $session;
    ${ports.map((each) => `server 127.0.0.1:${each};`).join(' ')}
    keepalive 1024;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://group;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_read_timeout 1h;
      proxy_buffering off;
    }
  }
}
`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
