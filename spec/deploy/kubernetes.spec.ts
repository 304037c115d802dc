/** The manifests for Kubernetes fit together, and fit the program that they run. */
import assert from 'node:assert/strict';
import { RIGHTS } from '../../lib/cluster/redis/scripts.ts';
import { read, recipeFacts, usersOf } from './support/files.ts';
import { containerOf, type Labels, MANIFESTS, manifest } from './support/kubernetes.ts';

const facts = recipeFacts();
const app = manifest('Deployment', 'echo').spec;
const redis = manifest('Deployment', 'echo-redis').spec;
const config = manifest('ConfigMap', 'echo').data;
const secret = manifest('Secret', 'echo-redis').stringData;

const labelsOf = ({ template }: typeof app): Labels => template.metadata.labels;

/** The number of a container's port. */
function portOf(name: string, port: string): number {
  return containerOf(name).ports.find((each) => each.name === port)?.containerPort ?? assert.fail(`no port ${port}`);
}

describe('demo/deploy/kubernetes', () => {
  it('has the API versions of its kinds, and each name once', () => {
    const versions: Readonly<Record<string, string>> = {
      Deployment: 'apps/v1',
      NetworkPolicy: 'networking.k8s.io/v1',
      PodDisruptionBudget: 'policy/v1',
    };
    for (const { kind, apiVersion } of MANIFESTS) {
      assert.equal(apiVersion, versions[kind] ?? 'v1', kind);
    }
    const names = MANIFESTS.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    assert.deepEqual(names, [...new Set(names)]);
  });

  it('gives the program every variable that it reads, and no other', () => {
    const { env = [], envFrom = [] } = containerOf('echo');
    assert.deepEqual(
      envFrom.map(({ configMapRef }) => configMapRef.name),
      ['echo'],
    );
    const given = [...Object.keys(config), ...env.map(({ name }) => name)];
    assert.deepEqual(given.sort(), Object.keys(facts.variables).sort());
    assert.deepEqual(
      env.map(({ name, valueFrom }) => [name, valueFrom]),
      [
        ['POD_IP', { fieldRef: { fieldPath: 'status.podIP' } }],
        ['REDIS_URL', { secretKeyRef: { name: 'echo-redis', key: 'REDIS_URL' } }],
      ],
    );
  });

  it('names the ports that the program listens on', () => {
    const ports = ['http', 'health', 'links'].map((name) => String(portOf('echo', name)));
    assert.deepEqual(ports, [config['PORT'], config['HEALTH_PORT'], config['LINK_PORT']]);
    assert.equal(new Set(ports).size, 3);
  });

  it('asks for the health checks that the program has, at their port', () => {
    const { readinessProbe, livenessProbe } = containerOf('echo');
    assert.deepEqual(readinessProbe.httpGet, { path: '/ready', port: 'health' });
    assert.deepEqual(livenessProbe?.httpGet, { path: '/live', port: 'health' });
    for (const probe of [readinessProbe, livenessProbe]) {
      assert.ok(facts.checks.includes(probe?.httpGet?.path ?? ''));
    }
  });

  it('replaces one pod after the other, each when the next is ready, and gives it the time to end', () => {
    assert.ok(app.replicas >= 2);
    assert.deepEqual(app.strategy, { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } });
    const { terminationGracePeriodSeconds = 30 } = app.template.spec;
    const drain = Number(config['DRAIN_MS']);
    assert.ok(drain > 0);
    assert.ok(terminationGracePeriodSeconds * 1000 > drain + facts.ending);
  });

  it('runs the programs as users who may do little, the first as the Dockerfile does', () => {
    for (const { template } of [app, redis]) {
      assert.equal(template.spec.securityContext.runAsNonRoot, true);
      assert.ok(template.spec.securityContext.runAsUser > 0);
    }
    assert.equal(app.template.spec.securityContext.runAsUser, Number(/id (\d+)/.exec(read('Dockerfile'))?.[1]));
    for (const name of ['echo', 'echo-redis']) {
      assert.deepEqual(containerOf(name).securityContext, {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    }
  });

  it('selects the pods of each by their labels', () => {
    for (const [name, spec] of [
      ['echo', app],
      ['echo-redis', redis],
    ] as const) {
      assert.deepEqual(labelsOf(spec), { app: name });
      assert.deepEqual(spec.selector.matchLabels, labelsOf(spec));
      assert.deepEqual(manifest('Service', name).spec.selector, labelsOf(spec));
      assert.deepEqual(manifest('NetworkPolicy', name).spec.podSelector.matchLabels, labelsOf(spec));
    }
    assert.deepEqual(manifest('PodDisruptionBudget', 'echo').spec.selector.matchLabels, labelsOf(app));
  });

  it('shows clients the endpoint only', () => {
    assert.deepEqual(manifest('Service', 'echo').spec.ports, [{ name: 'http', port: 80, targetPort: 'http' }]);
    const { ingress, policyTypes } = manifest('NetworkPolicy', 'echo').spec;
    assert.deepEqual(policyTypes, ['Ingress']);
    const open = ingress.filter(({ from }) => from === undefined);
    assert.deepEqual(
      open.map(({ ports }) => ports),
      [[{ port: 'http' }]],
    );
    for (const { ports } of ingress) {
      for (const { port } of ports) {
        assert.ok(portOf('echo', port) > 0);
      }
    }
  });

  it('lets only the pods of the application dial links and Redis', () => {
    const fromApp = [{ podSelector: { matchLabels: labelsOf(app) } }];
    for (const [name, port] of [
      ['echo', 'links'],
      ['echo-redis', 'redis'],
    ] as const) {
      const { ingress } = manifest('NetworkPolicy', name).spec;
      const rules = ingress.filter(({ ports }) => ports.some((each) => each.port === port));
      assert.deepEqual(rules, [{ ports: [{ port }], from: fromApp }]);
    }
  });

  it('gives the program the address, the user and the password of Redis', () => {
    const { hostname, port, username, password } = new URL(secret['REDIS_URL'] ?? '');
    const service = manifest('Service', 'echo-redis');
    assert.equal(hostname, service.metadata.name);
    assert.deepEqual(service.spec.ports, [{ name: 'redis', port: Number(port), targetPort: 'redis' }]);
    assert.equal(portOf('echo-redis', 'redis'), 6379);
    assert.deepEqual(containerOf('echo-redis').readinessProbe, { tcpSocket: { port: 'redis' }, periodSeconds: 2 });
    const [user, ...more] = usersOf(secret['users.acl'] ?? '');
    assert.deepEqual(more, []);
    assert.deepEqual([user?.name, user?.password], [username, password]);
  });

  it('gives the user of Redis the rights that the option `cluster` needs, for its keys', () => {
    const [user] = usersOf(secret['users.acl'] ?? '');
    const keys = `~{sockjs:${facts.name}}:*`;
    assert.deepEqual(user?.rules, ['resetkeys', 'resetchannels', '-@all', keys, ...RIGHTS.split(' ')]);
  });

  it('has Redis read the files that it is given, with more memory than it may use', () => {
    const conf = manifest('ConfigMap', 'echo-redis').data['redis.conf'] ?? '';
    assert.equal(conf, read('redis.conf'));
    const { command, volumeMounts = [], resources } = containerOf('echo-redis');
    const { volumes = [] } = redis.template.spec;
    const files = volumeMounts.flatMap(({ name, mountPath }) => {
      const { sources = [] } = volumes.find((volume) => volume.name === name)?.projected ?? {};
      return sources.flatMap(({ configMap, secret: from }) => {
        const source = configMap ?? from ?? assert.fail();
        const data = configMap === undefined ? secret : manifest('ConfigMap', source.name).data;
        return source.items.map(({ key, path }) => {
          assert.ok(data[key], `there is no ${key} in ${source.name}`);
          return `${mountPath}/${path}`;
        });
      });
    });
    assert.deepEqual(command, ['redis-server', files[0]]);
    assert.deepEqual(/^aclfile (.*)$/m.exec(conf)?.[1], files[1]);
    const megabytes = (text: string | undefined) =>
      Number(/^(\d+)M[iB]$|^(\d+)mb$/.exec(text ?? '')?.find((part, i) => i > 0 && part));
    assert.ok(megabytes(resources.limits.memory) > megabytes(/^maxmemory (\S+)$/m.exec(conf)?.[1]));
  });
});
