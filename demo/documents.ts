/** The map of the documents as a page of the demo, made of `docs/README.md`, and the pages it leads to as plain text. */
import { readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import express, { type Router } from 'express';

const FOLDER = new URL('../docs/', import.meta.url);

/** A row of the map: what a page is called, where it is below `docs/`, and what it answers. */
interface Row {
  readonly title: string;
  readonly path: string;
  readonly what: string;
}

/** A part of the map with a heading. */
interface Section {
  readonly heading: string;
  readonly rows: readonly Row[];
}

/** The parts of the map, each with the rows of its table. */
function sectionsOf(markdown: string): Section[] {
  return markdown
    .split(/^## /m)
    .slice(1)
    .map((section) => ({
      heading: section.split('\n', 1)[0] ?? '',
      rows: Array.from(
        section.matchAll(/^\| \[([^\]]+)\]\(([\w./-]+)\) \| (.*) \|$/gm),
        ([, title = '', path = '', what = '']) => ({ title, path, what }),
      ),
    }));
}

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** A text of Markdown in which nothing but code is marked. */
const inline = (text: string) => escaped(text).replace(/`([^`]+)`/g, '<code>$1</code>');

function card({ heading, rows }: Section): string {
  const items = rows.map(
    ({ title, path, what }) => `
          <tr><th scope="row"><a href="documents/${path}">${inline(title)}</a></th><td>${inline(what)}</td></tr>`,
  );
  return `
      <section class="card">
        <h2>${inline(heading)}</h2>
        <table>${items.join('')}
        </table>
      </section>`;
}

/** Serves the page at `/documents.html`, and the documents below `/documents`. */
export function documents(): Router {
  const router = express.Router();
  router.get('/documents.html', async (_req, res) => {
    const [frame, map] = await Promise.all(
      [new URL('./documents.html', import.meta.url), new URL('README.md', FOLDER)].map((url) => readFile(url, 'utf8')),
    );
    const cards = sectionsOf(map ?? '')
      .map(card)
      .join('');
    res.type('html').send(frame?.replace('<!-- the map -->', () => cards));
  });
  const setHeaders = (res: ServerResponse) => res.setHeader('Content-Type', 'text/plain; charset=utf-8');
  router.get(
    /^\/documents\/(?:[\w-]+\/)?[\w-]+\.md$/,
    (req, _res, next) => {
      req.url = req.url.slice('/documents'.length);
      next();
    },
    express.static(fileURLToPath(FOLDER), { setHeaders, index: false }),
  );
  return router;
}
