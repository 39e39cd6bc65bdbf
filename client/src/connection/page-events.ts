export interface PageEvents {
  /** The network is available again, or it is another network. */
  online(): void;
  /** The page is visible again: after a tab switch, a locked screen, or the back-forward cache. */
  visible(): void;
  /** The page is unloaded and will not come back. */
  leaving(): void;
}

/** Listens to the browser's events about network and visibility. Returns the unsubscriber; idempotent. */
export function watchPage(events: PageEvents): () => void {
  const end = new AbortController();
  const options = { signal: end.signal };
  const shown = () => {
    if (document.visibilityState === 'visible') events.visible();
  };
  addEventListener('online', () => events.online(), options);
  document.addEventListener('visibilitychange', shown, options);
  // Chromium's page lifecycle: a frozen tab resumes.
  document.addEventListener('resume', shown, options);
  // Safari on iOS raises only this event when it comes back from the background.
  addEventListener('pageshow', (event) => event.persisted && events.visible(), options);
  addEventListener('pagehide', (event) => !event.persisted && events.leaving(), options);
  const network: unknown = Reflect.get(navigator, 'connection');
  if (network instanceof EventTarget) {
    let before = kindOf(network);
    const changed = () => {
      const now = kindOf(network);
      if (now !== before) events.online();
      before = now;
    };
    network.addEventListener('change', changed, options);
  }
  return () => end.abort();
}

/** wifi, cellular …: the `change` event also comes with each new estimate of the round trip. */
function kindOf(network: EventTarget): unknown {
  return Reflect.get(network, 'type');
}
