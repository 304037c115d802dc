/** The manifests of `demo/deploy/kubernetes/`, as far as the specs look at them. */
import assert from 'node:assert/strict';
import { parseAllYaml } from '../../support/yaml.ts';
import { read } from './files.ts';

export type Labels = Readonly<Record<string, string>>;

interface Metadata {
  readonly name: string;
  readonly labels?: Labels;
}

interface Selector {
  readonly matchLabels: Labels;
}

interface Probe {
  readonly httpGet?: { readonly path: string; readonly port: string };
  readonly tcpSocket?: { readonly port: string };
}

export interface Container {
  readonly image: string;
  readonly command?: readonly string[];
  readonly envFrom?: readonly { readonly configMapRef: Metadata }[];
  readonly env?: readonly {
    readonly name: string;
    readonly valueFrom: {
      readonly fieldRef?: { readonly fieldPath: string };
      readonly secretKeyRef?: { readonly name: string; readonly key: string };
    };
  }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly readinessProbe: Probe;
  readonly livenessProbe?: Probe;
  readonly resources: { readonly limits: { readonly memory: string } };
  readonly securityContext: object;
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}

interface Source {
  readonly name: string;
  readonly items: readonly { readonly key: string; readonly path: string }[];
}

/** The manifests of each kind. */
export interface Kinds {
  readonly ConfigMap: { readonly data: Readonly<Record<string, string>> };
  readonly Secret: { readonly stringData: Readonly<Record<string, string>> };
  readonly Deployment: {
    readonly spec: {
      readonly replicas: number;
      readonly selector: Selector;
      readonly strategy: { readonly type: string; readonly rollingUpdate?: object };
      readonly template: {
        readonly metadata: { readonly labels: Labels };
        readonly spec: {
          readonly terminationGracePeriodSeconds?: number;
          readonly securityContext: { readonly runAsNonRoot: boolean; readonly runAsUser: number };
          readonly containers: readonly Container[];
          readonly volumes?: readonly {
            readonly name: string;
            readonly projected?: {
              readonly sources: readonly { readonly configMap?: Source; readonly secret?: Source }[];
            };
          }[];
        };
      };
    };
  };
  readonly Service: {
    readonly spec: {
      readonly selector: Labels;
      readonly ports: readonly { readonly name: string; readonly port: number; readonly targetPort: string }[];
    };
  };
  readonly PodDisruptionBudget: { readonly spec: { readonly selector: Selector } };
  readonly NetworkPolicy: {
    readonly spec: {
      readonly podSelector: Selector;
      readonly policyTypes: readonly string[];
      readonly ingress: readonly {
        readonly ports: readonly { readonly port: string }[];
        readonly from?: readonly { readonly podSelector?: Selector; readonly namespaceSelector?: Selector }[];
      }[];
    };
  };
}

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: keyof Kinds;
  readonly metadata: Metadata;
}

/** All manifests. */
export const MANIFESTS = ['app', 'redis'].flatMap((file) =>
  parseAllYaml(read(`kubernetes/${file}.yaml`)),
) as Manifest[];

/** The manifest of this kind and name. */
export function manifest<Kind extends keyof Kinds>(kind: Kind, name: string): Kinds[Kind] & Manifest {
  const [found, ...more] = MANIFESTS.filter((each) => each.kind === kind && each.metadata.name === name);
  assert.deepEqual(more, []);
  return (found ?? assert.fail(`there is no ${kind} ${name}`)) as Kinds[Kind] & Manifest;
}

/** The one container of a Deployment. */
export function containerOf(name: string): Container {
  const [container, ...more] = manifest('Deployment', name).spec.template.spec.containers;
  assert.deepEqual(more, []);
  return container ?? assert.fail(`${name} has no container`);
}
