import { readFile } from 'node:fs/promises';
import type { Server as HttpServer } from 'node:http';
import { join } from 'node:path';
import { type RequestHandler, Router } from 'express';
import { readAddress } from '#protocol/room-link.ts';
import type { PageConfig } from '#protocol/signalling.ts';
import { builtFiles, etagOf } from './built-files.ts';
import { type Page, PAGES, pageHeaders, type SecurityOptions } from './security-headers.ts';

const PLACEHOLDER = '<!--onecast-page-->';

/** The source of the frontend's files: the build, or Vite in development. */
export interface PageSource {
  /** @param url of the request */
  html(page: Page, url: string): Promise<string>;
  /** Serve all other files of the frontend. */
  readonly assets: readonly RequestHandler[];
  close(): Promise<void>;
}

/** A page as it is sent, and the HTML that it was made of. */
interface MadePage {
  readonly html: string;
  readonly content: Buffer;
  readonly etag: string;
}

/** @throws if the frontend has not been built */
export async function builtPages(dist: string): Promise<PageSource> {
  const read = async (page: Page) =>
    [page, await readFile(join(dist, `${page}.html`), 'utf8')] as const;
  const html = await Promise.all(PAGES.map(read)).catch((error: unknown) => {
    throw new Error(
      `the pages are not built (${dist}): npm start builds them, and starts the server`,
      {
        cause: error,
      },
    );
  });
  const pages = new Map(html);
  return {
    html: async (page) => pages.get(page) ?? '',
    assets: [builtFiles(dist)],
    close: async () => undefined,
  };
}

/** Vite as middleware. Its socket for hot module replacement uses the same port. */
export async function devPages(frontend: string, http: HttpServer): Promise<PageSource> {
  const { createServer } = await import('vite');
  const vite = await createServer({
    root: frontend,
    configFile: join(frontend, 'vite.config.ts'),
    // Otherwise Vite writes a bundle of the file and deletes it, and `node --watch` restarts forever.
    configLoader: 'native',
    appType: 'custom',
    server: { middlewareMode: true, ws: { server: http } },
  });
  return {
    html: async (page, url) =>
      vite.transformIndexHtml(url, await readFile(join(frontend, `${page}.html`), 'utf8')),
    assets: [vite.middlewares],
    close: () => vite.close(),
  };
}

/** Serves the pages, each with `config` written into its HTML. */
export function pageRoutes(
  source: PageSource,
  config: PageConfig,
  security: SecurityOptions,
): Router {
  const router = Router();
  // `<` would let a value end the script element.
  const json = JSON.stringify(config).replaceAll('<', String.raw`\u003c`);
  const script = `<script type="application/json" id="onecast-page">${json}</script>`;
  const made = new Map<Page, MadePage>();
  const madeOf = (page: Page, html: string): MadePage => {
    const known = made.get(page);
    if (known?.html === html) return known;
    const content = Buffer.from(html.replace(PLACEHOLDER, () => script));
    const fresh = { html, content, etag: etagOf(content) };
    made.set(page, fresh);
    return fresh;
  };
  const send = (page: Page): RequestHandler[] => [
    ...pageHeaders(page, security),
    async (request, response) => {
      // The page explains to the user what is wrong with the name.
      const isRoom = request.params['room'] === undefined || leadsToRoom(request.path);
      if (!isRoom) response.status(404);
      const html = await source.html(page, request.originalUrl);
      const { content, etag } = madeOf(page, html);
      response.type('html').set({ 'Cache-Control': 'no-cache', ETag: etag }).send(content);
    },
  ];
  router.get('/', send('index'));
  router.get(['/publish', '/publish/:room'], send('publish'));
  router.get(['/join', '/join/:room'], send('join'));
  router.get(['/embed', '/embed/:room'], send('embed'));
  return router;
}

function leadsToRoom(pathname: string): boolean {
  return readAddress({ pathname, search: '', hash: '' }).room !== undefined;
}
