/** The site of the documents: `npm run docs` shows it while they are written, `npm run docs:build` writes it. */
import { docsPages, locate, read, siteFiles, writeFile, writeFiles } from './files.ts';
import { expectListed, MAP, type Section, sectionsOf } from './map.ts';
import { extend, type Parser, slugify } from './markdown.ts';

/** What is used of the development server of Vite. */
interface DevServer {
  readonly watcher: {
    add(paths: readonly string[]): void;
    on(event: 'change', listener: (path: string) => void): void;
  };
}

const sections = sectionsOf(read(MAP));
expectListed(sections, docsPages());
const files = siteFiles();
writeFiles(files);

const addressOf = (path: string) => `/${files.get(path)?.replace(/\.md$/, '.html')}`;

/** Pages of the project that are no documents: those in Markdown, and the recipes. */
function furtherSections(): Section[] {
  const outside = [...files.keys()].filter((path) => !path.startsWith('docs/')).sort();
  const recipes = outside.filter((path) => path.startsWith('demo/recipes/'));
  const pages = outside.filter((path) => path.endsWith('.md'));
  return [
    {
      title: 'Recipes',
      entries: recipes.map((path) => ({ title: path.slice('demo/recipes/'.length), path })),
    },
    {
      title: 'Project',
      entries: pages.map((path) => ({ title: /^# (.*)$/m.exec(read(path))?.[1]?.replaceAll('`', '') ?? path, path })),
    },
  ];
}

/** The sections whose first page is in a folder have a link at the top. */
const nav = sections.flatMap(({ title, entries: [first] }) => {
  const [, folder] = /^docs\/(\w+)\//.exec(first?.path ?? '') ?? [];
  return first === undefined || folder === undefined || folder === 'internals'
    ? []
    : [{ text: title, link: addressOf(first.path), activeMatch: `^/${folder}/` }];
});

export default {
  lang: 'en',
  title: 'express-sockjs',
  description: 'A SockJS server as Express and Connect middleware',
  srcDir: '.vitepress/pages',
  head: [['link', { rel: 'icon', href: 'data:,' }]],
  markdown: {
    anchor: { slugify },
    attrs: { disable: true },
    languageAlias: { cfg: 'ini', conf: 'nginx' },
    config: (md: Parser) => extend(md, files),
  },
  themeConfig: {
    nav,
    sidebar: [...sections, ...furtherSections()].map(({ title, entries }) => ({
      text: title,
      collapsed: false,
      items: entries.map((entry) => ({ text: entry.title, link: addressOf(entry.path) })),
    })),
    outline: { level: [2, 3] },
    search: { provider: 'local' },
  },
  vite: {
    build: { chunkSizeWarningLimit: 4096 },
    plugins: [
      {
        name: 'documents',
        configureServer({ watcher }: DevServer) {
          const paths = new Map(Array.from(files.keys(), (path) => [locate(path), path]));
          watcher.add([...paths.keys()]);
          watcher.on('change', (changed) => {
            const path = paths.get(changed);
            if (path !== undefined) {
              writeFile(files, path);
            }
          });
        },
      },
    ],
  },
};
