import { type PageConfig, PageConfigSchema } from '#protocol/signalling.ts';
import * as v from 'valibot';

/**
 * What the server wrote into this page.
 * Throws where it is missing or not understood: the page was not served by Onecast's server.
 */
export function readPageConfig(): PageConfig {
  const text = document.getElementById('onecast-page')?.textContent ?? '';
  return v.parse(PageConfigSchema, JSON.parse(text));
}
