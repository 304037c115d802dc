/** The files around the code, for GitHub, version managers and contributors: well-formed, and true to package.json. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TransportName } from '../lib/index.ts';
import { parseYaml } from './support/yaml.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const readYaml = <T>(file: string) => parseYaml(read(file)) as T;

interface Job {
  readonly 'timeout-minutes': number;
  readonly container: { readonly image: string };
  readonly strategy: { readonly matrix: { readonly node: readonly number[] } };
  readonly steps: readonly { readonly uses?: string; readonly run?: string }[];
}

interface Workflow {
  readonly on: object;
  readonly permissions: object;
  readonly concurrency: { readonly 'cancel-in-progress': boolean };
  readonly jobs: { readonly ci: Job };
}

interface Form {
  readonly name?: string;
  readonly description?: string;
  readonly body: readonly {
    readonly type: string;
    readonly id?: string;
    readonly attributes: { readonly label?: string; readonly value?: string; readonly options?: readonly string[] };
    readonly validations?: { readonly required: boolean };
  }[];
}

interface Dependabot {
  readonly version: number;
  readonly updates: readonly { readonly 'package-ecosystem': string; readonly directory: string }[];
}

/** The compiler sees that none is missing. */
const TRANSPORTS: Readonly<Record<TransportName, true>> = {
  websocket: true,
  'websocket-raw': true,
  'xhr-streaming': true,
  'xhr-polling': true,
  eventsource: true,
  htmlfile: true,
  'jsonp-polling': true,
};

describe('.github', () => {
  it('has a workflow that runs .ci/run for pushes and pull requests, and may only read', () => {
    const { on, permissions, jobs } = readYaml<Workflow>('.github/workflows/ci.yml');
    assert.deepEqual(Object.keys(on), ['push', 'pull_request']);
    assert.deepEqual(permissions, { contents: 'read' });
    assert.deepEqual(
      jobs.ci.steps.flatMap(({ run }) => run ?? []),
      ['.ci/run'],
    );
  });

  it('has a workflow that ends in time or for a newer push, and takes each action by its major version', () => {
    const { concurrency, jobs } = readYaml<Workflow>('.github/workflows/ci.yml');
    assert.ok(concurrency['cancel-in-progress']);
    for (const job of Object.values(jobs)) {
      assert.ok(job['timeout-minutes'] > 0);
      for (const uses of job.steps.flatMap((step) => step.uses ?? [])) {
        assert.match(uses, /^actions\/[a-z-]+@v\d+$/);
      }
    }
  });

  it('tests the lines of Node that package.json allows; .node-version is one of them', () => {
    const { container, strategy } = readYaml<Workflow>('.github/workflows/ci.yml').jobs.ci;
    assert.match(container.image, /^node:\$\{\{ matrix\.node \}\}-/);
    assert.deepEqual(strategy.matrix.node, [20, 22, 24, 26]);
    assert.equal(JSON.parse(read('package.json')).engines.node, '^20.19.0 || >=22.13.0');
    assert.ok(strategy.matrix.node.includes(Number(read('.node-version'))));
  });

  for (const file of ['bug.yml', 'idea.yml']) {
    it(`has a form that GitHub shows: ${file}`, () => {
      const { name, description, body } = readYaml<Form>(`.github/ISSUE_TEMPLATE/${file}`);
      assert.ok(name && description);
      for (const { type, attributes } of body) {
        assert.ok(['markdown', 'textarea', 'input', 'dropdown', 'checkboxes'].includes(type), type);
        assert.equal(typeof (type === 'markdown' ? attributes.value : attributes.label), 'string');
      }
      const ids = body.filter(({ type }) => type !== 'markdown').map(({ id }) => id);
      assert.match(ids.join(' '), /^[a-z]+( [a-z]+)*$/);
      assert.equal(new Set(ids).size, ids.length);
    });
  }

  it('asks for reproduction, version, transport and proxy of a bug', () => {
    const { body } = readYaml<Form>('.github/ISSUE_TEMPLATE/bug.yml');
    const required = body.filter(({ validations }) => validations?.required).map(({ id }) => id);
    assert.deepEqual(required, ['problem', 'reproduction', 'version', 'transport', 'proxy']);
    const options = body.find(({ id }) => id === 'transport')?.attributes.options ?? [];
    assert.deepEqual(options, [...Object.keys(TRANSPORTS), 'I do not know']);
  });

  it('has no further templates than these', () => {
    assert.deepEqual(readdirSync(join(ROOT, '.github/ISSUE_TEMPLATE')).sort(), ['bug.yml', 'config.yml', 'idea.yml']);
    assert.deepEqual(readYaml('.github/ISSUE_TEMPLATE/config.yml'), { blank_issues_enabled: false });
    assert.ok(existsSync(join(ROOT, '.github/pull_request_template.md')));
  });

  it('has every folder with a package.json, and the workflow, kept up to date', () => {
    const { version, updates } = readYaml<Dependabot>('.github/dependabot.yml');
    assert.equal(version, 2);
    const directoriesOf = (ecosystem: string) =>
      updates.filter((update) => update['package-ecosystem'] === ecosystem).map(({ directory }) => directory);
    const folders = readdirSync(ROOT, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.name !== 'node_modules')
      .map(({ name }) => `/${name}`)
      .filter((folder) => existsSync(join(ROOT, folder, 'package.json')));
    assert.deepEqual(directoriesOf('npm'), ['/', ...folders.sort()]);
    assert.deepEqual(directoriesOf('github-actions'), ['/']);
  });
});

describe('CONTRIBUTING.md', () => {
  it('says what each npm script is for', () => {
    const rows = [...read('CONTRIBUTING.md').matchAll(/^\| `npm (?:run )?([a-z:-]+)/gm)].map(([, script]) => script);
    const scripts = Object.keys(JSON.parse(read('package.json')).scripts);
    const byNpm = ['postbuild', 'prepack'];
    assert.deepEqual([...new Set(rows)].sort(), scripts.filter((script) => !byNpm.includes(script)).sort());
  });

  it('links to files that exist', () => {
    const targets = [...read('CONTRIBUTING.md').matchAll(/\]\(([^)#:]+)\)/g)].map(([, target = '']) => target);
    assert.ok(targets.length > 0);
    assert.deepEqual(
      targets.filter((target) => !existsSync(join(ROOT, target))),
      [],
    );
  });
});
