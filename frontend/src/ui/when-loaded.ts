/**
 * Calls `attach` once the page's load event is over. A <video> that is given a stream before waits
 * for its first frame with the load event held back: the tab would spin for as long as nobody publishes.
 */
export function whenLoaded(attach: () => void): void {
  if (document.readyState === 'complete') attach();
  else window.addEventListener('load', attach, { once: true });
}
