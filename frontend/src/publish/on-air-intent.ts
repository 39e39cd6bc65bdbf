/**
 * Whether a page that has just loaded goes on air without a press. What the tab's storage holds is a hint and
 * never a person's consent: browsers copy it to a duplicated tab, and bring it back with a tab that was
 * closed and with a restored session. Only a reload continues, because a person asked for it in this tab.
 */
import { computed, type ReadonlySignal, signal } from '@preact/signals-core';
import type { BroadcastMemory, RememberedBroadcast } from './broadcast-memory.ts';
import type { OnAirLock } from './on-air-lock.ts';

/**
 * A page that was on air this long ago does not continue: the room waits as long for its publisher
 * (`interruptedRoomMs`), and then viewers have read that the broadcast has ended.
 */
const CONTINUE_WITHIN_MS = 120_000;
/** For the document before the reload to let go of its lock. Browsers need some milliseconds. */
const LOCK_WAIT_MS = 2_000;

/** How the browser came to load this document. */
export interface PageLoad {
  /** PerformanceNavigationTiming.type; undefined where the browser does not report it. */
  readonly navigation: string | undefined;
  /** The browser had thrown the page away to save memory, and loaded it again. */
  readonly discarded: boolean;
}

export function readPageLoad(): PageLoad {
  const [entry] = performance.getEntriesByType('navigation');
  return {
    navigation: entry instanceof PerformanceNavigationTiming ? entry.type : undefined,
    discarded: Reflect.get(document, 'wasDiscarded') === true,
  };
}

/**
 * Chromium and Firefox report `back_forward` for a tab that is duplicated, reopened, restored with its
 * session or loaded again after it was discarded, and `reload` for nothing but a reload.
 */
export function isContinuation(
  { navigation, discarded }: PageLoad,
  { seenAt }: RememberedBroadcast,
  now: number,
): boolean {
  const age = now - seenAt;
  const recent = age >= 0 && age <= CONTINUE_WITHIN_MS;
  return navigation === 'reload' && !discarded && recent;
}

/** Why the page waits for the person to press start, although somebody was on air here. */
export type Asking = 'was-live' | 'live-elsewhere';

export class OnAirIntent {
  readonly #memory: BroadcastMemory;
  readonly #lock: OnAirLock;
  readonly #lockWaitMs: number;
  readonly #wasLive = signal(false);
  readonly asking: ReadonlySignal<Asking | undefined>;

  constructor(memory: BroadcastMemory, lock: OnAirLock, lockWaitMs = LOCK_WAIT_MS) {
    this.#lockWaitMs = lockWaitMs;
    this.#memory = memory;
    this.#lock = lock;
    this.asking = computed(() => {
      if (lock.elsewhere.value) return 'live-elsewhere';
      return this.#wasLive.value ? 'was-live' : undefined;
    });
  }

  /**
   * What this tab was sending, if it was on air before this document, and whether to go on automatically.
   * If not, the tab's storage forgets it, so that a reload of this page does not go on either.
   */
  async decide(
    load: PageLoad,
    now: number,
  ): Promise<{ readonly was: RememberedBroadcast; readonly goOn: boolean } | undefined> {
    const was = this.#memory.read();
    if (was && isContinuation(load, was, now) && (await this.#lock.hold(this.#lockWaitMs))) {
      return { was, goOn: true };
    }
    await this.#lock.look();
    if (!was) return undefined;
    this.ask();
    return { was, goOn: false };
  }

  /** The broadcast has stopped without the person's doing; only a press starts it again. */
  ask(): void {
    this.#memory.forget();
    this.#wasLive.value = true;
  }

  /** The person has pressed start or stop. */
  answered(): void {
    this.#wasLive.value = false;
  }
}
