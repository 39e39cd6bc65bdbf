export interface PageEvents {
  /** The network is back, or is another one. */
  online(): void;
  /** The page is in front again: after a tab switch, a locked screen, the back-forward cache. */
  visible(): void;
  /** The page goes for good. */
  leaving(): void;
}

/** Listens to what browsers tell a page about itself. Returns what ends it; idempotent. */
export function watchPage(events: PageEvents): () => void {
  const end = new AbortController();
  const options = { signal: end.signal };
  const shown = () => {
    if (document.visibilityState === 'visible') events.visible();
  };
  addEventListener('online', () => events.online(), options);
  document.addEventListener('visibilitychange', shown, options);
  // Chromium's page lifecycle: a frozen tab runs again.
  document.addEventListener('resume', shown, options);
  // Safari on iOS comes back from the background with this one alone.
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

/** wifi, cellular …: the event also comes with each new estimate of the round trip. */
function kindOf(network: EventTarget): unknown {
  return Reflect.get(network, 'type');
}
