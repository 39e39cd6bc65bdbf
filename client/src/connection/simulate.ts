/**
 * Faults on purpose: a page opened with `?debug` offers `onecast.simulate('socket-drop')` and the
 * rest in its console, and `onecast.faults` lists them. What each one does is in docs/behaviour.md.
 */
import type { KeyedMessage } from '#protocol/overlay-state.ts';

export type Faults = Readonly<Record<string, () => void>>;

/** What a page with `?debug` lets its console and the tests do. */
export interface Debug {
  readonly faults: readonly string[];
  simulate(fault: string): void;
  /** All keyed state as this page knows it. */
  overlayState?: () => readonly KeyedMessage[];
}

declare global {
  var onecast: Debug | undefined;
}

/** Does nothing on a page without `?debug`. `faults` is asked anew at each use. */
export function offerFaults(faults: () => Faults): void {
  if (!new URLSearchParams(location.search).has('debug')) return;
  globalThis.onecast = {
    get faults() {
      return Object.keys(faults());
    },
    simulate(fault) {
      const run = faults()[fault];
      if (!run)
        throw new RangeError(`no such fault; there are ${Object.keys(faults()).join(', ')}`);
      run();
    },
  };
}

/** For tests to compare. Does nothing on a page without `?debug`. */
export function offerOverlayState(state: () => readonly KeyedMessage[]): void {
  if (globalThis.onecast) globalThis.onecast.overlayState = state;
}
