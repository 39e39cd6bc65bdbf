import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: here('.'),
  // The backend decides which page an address stands for; Vite must not guess.
  appType: 'custom',
  server: {
    // What the pages import.
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
