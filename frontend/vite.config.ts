import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/**
 * Puts the tags that all pages have in their <head> (head.html, one tag per line) where a page has
 * `<!--head-->`. A page leaves tags out by name: `<!--head without viewport, theme-color-->`.
 */
function sharedHead(): Plugin {
  const MARK = /^ *<!--head(?: without ([\w, -]+?))?-->\n/m;
  return {
    name: 'onecast-shared-head',
    transformIndexHtml: {
      order: 'pre',
      handler(html) {
        if (!MARK.test(html)) throw new Error('the page has no <!--head--> mark');
        // Read for each page: in development an edit takes effect at the next reload.
        const tags = readFileSync(here('head.html'), 'utf8').trimEnd().split('\n');
        return html.replace(MARK, (_mark, without = '') => {
          const leftOut = String(without).split(', ');
          const kept = tags.filter(
            (tag) => !leftOut.some((name) => tag.includes(`name="${name}"`)),
          );
          return kept.map((tag) => `    ${tag}\n`).join('');
        });
      },
    },
  };
}

export default defineConfig({
  root: here('.'),
  // The backend chooses the page for an address; Vite must not guess it from the path.
  appType: 'custom',
  plugins: [sharedHead()],
  server: {
    // The folders that the pages import from.
    fs: { allow: ['.', '../client', '../protocol', '../node_modules'].map(here) },
  },
  build: {
    outDir: here('dist'),
    emptyOutDir: true,
    // data: addresses would not pass the pages' Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: {
        index: here('index.html'),
        publish: here('publish.html'),
        join: here('join.html'),
        embed: here('embed.html'),
      },
    },
  },
});
