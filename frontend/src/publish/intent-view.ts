import { effect } from '@preact/signals-core';
import { run } from '../ui/page.ts';
import type { BroadcastControl } from './broadcast-control.ts';
import type { OnAirIntent } from './on-air-intent.ts';
import type { OnAirLock } from './on-air-lock.ts';

/** Follows what happens to this document: shown again, kept by the browser, brought back. */
export function bindIntent({
  intent,
  lock,
  broadcast,
}: {
  readonly intent: OnAirIntent;
  readonly lock: OnAirLock;
  readonly broadcast: BroadcastControl;
}): void {
  effect(() => {
    if (broadcast.startedAt.value !== undefined) intent.answered();
  });
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') run(lock.look(), 'looking for other tabs');
  });
  // Into the back/forward cache. Browsers rarely keep a page that sends video; one that they keep must
  // not go on air again because somebody pressed Back.
  addEventListener('pagehide', (event) => {
    if (!event.persisted || broadcast.startedAt.peek() === undefined) return;
    broadcast.leave();
    intent.ask();
  });
}
