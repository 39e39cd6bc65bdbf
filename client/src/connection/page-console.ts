/**
 * The object `onecast` in the browser's console. Every page has `onecast.trace()` and
 * `onecast.diagnostics()`; a page opened with `?debug` can also simulate faults. docs/debugging.md
 * shows how to use them, docs/behaviour.md lists the faults.
 */
import type { KeyedMessage } from '#protocol/overlay-state.ts';
import type { Transition } from './trace.ts';
import type { Diagnostics } from './types.ts';

/** Actions that simulate a fault, by name. */
export type Faults = Readonly<Record<string, () => void>>;

export interface PageConsole {
  /** The connection's last transitions, oldest first. */
  trace(): readonly Transition[];
  /** Everything that describes this page's connection, without secrets. */
  diagnostics(): Promise<Diagnostics>;
  /** The names that `simulate` accepts; empty without `?debug`. */
  readonly faults: readonly string[];
  /** @throws RangeError where the page has no such fault: without `?debug` it has none. */
  simulate(fault: string): void;
  /** All keyed state that this page has; only with `?debug`. */
  overlayState?: () => readonly KeyedMessage[];
}

declare global {
  var onecast: PageConsole | undefined;
}

/** What a connection provides to the console. */
export interface ConsoleSource {
  trace(): readonly Transition[];
  diagnostics(): Promise<Diagnostics>;
  /** Called again at each use: a publisher's faults are those of its present broadcast. */
  faults(): Faults;
  overlayState(): readonly KeyedMessage[];
}

export function installPageConsole(source: ConsoleSource): void {
  const debug = isDebugPage();
  const faults = () => (debug ? source.faults() : {});
  globalThis.onecast = {
    trace: () => source.trace(),
    diagnostics: () => source.diagnostics(),
    get faults() {
      return Object.keys(faults());
    },
    simulate(fault) {
      const run = faults()[fault];
      if (run) return run();
      if (!debug) throw new RangeError('open the page with ?debug to simulate faults');
      throw new RangeError(`no such fault; there are ${Object.keys(faults()).join(', ')}`);
    },
    ...(debug && { overlayState: () => source.overlayState() }),
  };
}

/** The console object of a page opened with `?debug`, to add functions for tests; else undefined. */
export function debugConsole(): PageConsole | undefined {
  return isDebugPage() ? globalThis.onecast : undefined;
}

function isDebugPage(): boolean {
  return new URLSearchParams(location.search).has('debug');
}
