/** What a page needs from its document and its browser as it starts. */
import { type PageConfig, PageConfigSchema } from '#protocol/signalling.ts';
import * as v from 'valibot';

/** The part of Trusted Types that is used here; TypeScript's own library does not have it yet. */
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): unknown;
}

declare global {
  interface Window {
    readonly trustedTypes?: TrustedTypes;
  }
}

/**
 * The configuration that the server wrote into this page.
 * @throws if it is missing or invalid: then Onecast's server did not serve the page.
 */
export function readPageConfig(): PageConfig {
  const text = document.getElementById('onecast-page')?.textContent ?? '';
  return v.parse(PageConfigSchema, JSON.parse(text));
}

/**
 * Lets this page start workers from this server's own scripts. The pages' Content-Security-Policy
 * requires Trusted Types, so no other string can become a script or markup.
 */
export function allowOwnWorkers(): void {
  window.trustedTypes?.createPolicy('default', {
    createScriptURL: (url) => {
      if (new URL(url, location.href).origin !== location.origin) throw new TypeError(url);
      return url;
    },
  });
}

/**
 * Calls `attach` after the page's load event. A <video> that gets a stream earlier delays the load
 * event until its first frame, so the tab would show "loading" until somebody publishes.
 */
export function whenLoaded(attach: () => void): void {
  if (document.readyState === 'complete') attach();
  else window.addEventListener('load', attach, { once: true });
}

/** Logs the failure of a promise that nobody awaits. `what` names the work, as in "opening a camera". */
export function run(promise: Promise<unknown>, what: string): void {
  promise.catch((error: unknown) => {
    console.error(`onecast: ${what}:`, error);
  });
}
