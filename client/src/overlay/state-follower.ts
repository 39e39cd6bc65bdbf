import {
  deletionOf,
  isDeletion,
  slotOf,
  type StateChange,
  type StateEntry,
  type StateSnapshot,
} from '#protocol/overlay-state.ts';

/** Changes kept while a snapshot is on its way; with more the oldest go, and another is asked for. */
const EARLY_MAX = 128;

/**
 * Viewer's side of the keyed state: a snapshot, then every change in order and without gap. What it
 * returns is what has changed for the page, deletions with their `null`.
 */
export class StateFollower {
  readonly #entries = new Map<string, StateEntry>();
  #known: { readonly stateId: string; rev: number } | undefined;
  /** The furthest count heard of. */
  #ahead: { readonly stateId: string; readonly rev: number } | undefined;
  /** Came after a gap, by `rev`. */
  #early: StateChange[] = [];

  /** Something is missing that only a snapshot brings. */
  get behind(): boolean {
    if (this.#ahead === undefined) return false;
    return this.#known?.stateId !== this.#ahead.stateId || this.#known.rev < this.#ahead.rev;
  }

  entries(): StateEntry[] {
    return [...this.#entries.values()];
  }

  accept(change: StateChange): StateEntry[] {
    const { stateId, rev, entry } = change;
    if (this.#known?.stateId === stateId && rev <= this.#known.rev) return [];
    if (this.#ahead?.stateId !== stateId) {
      this.#ahead = { stateId, rev };
      this.#early = [];
    } else if (rev > this.#ahead.rev) {
      this.#ahead = { stateId, rev };
    }
    if (entry === undefined) return [];
    this.#early.push(change);
    // For a while two transports bring the same changes.
    this.#early.sort((a, b) => a.rev - b.rev);
    if (this.#early.length > EARLY_MAX) this.#early.shift();
    return this.#advance();
  }

  take({ stateId, rev, entries }: StateSnapshot): StateEntry[] {
    const known = this.#known;
    // An answer that changes have overtaken.
    if (known?.stateId === stateId && rev < known.rev) return [];
    this.#known = { stateId, rev };
    if (this.#ahead?.stateId !== stateId) {
      this.#ahead = undefined;
      this.#early = [];
    }
    const before = new Map(this.#entries);
    const changed: StateEntry[] = [];
    this.#entries.clear();
    for (const entry of entries) {
      const slot = slotOf(entry);
      const had = before.get(slot);
      before.delete(slot);
      this.#entries.set(slot, entry);
      if (!had || JSON.stringify(had) !== JSON.stringify(entry)) changed.push(entry);
    }
    for (const gone of before.values()) changed.push(deletionOf(gone));
    return [...changed, ...this.#advance()];
  }

  /** Applies what follows without a gap on what is known. */
  #advance(): StateEntry[] {
    const known = this.#known;
    if (!known) return [];
    const applied: StateEntry[] = [];
    for (const { stateId, rev, entry } of this.#early) {
      if (stateId !== known.stateId || rev !== known.rev + 1 || !entry) continue;
      known.rev = rev;
      const slot = slotOf(entry);
      if (isDeletion(entry)) this.#entries.delete(slot);
      else this.#entries.set(slot, entry);
      applied.push(entry);
    }
    this.#early = this.#early.filter(({ rev }) => rev > known.rev);
    return applied;
  }
}
