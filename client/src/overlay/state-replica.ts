import {
  deletionOf,
  isDeletion,
  stateKeyId,
  type StateChange,
  type StateEntry,
  type StateSnapshot,
} from '#protocol/overlay-state.ts';

/** Changes kept while a snapshot is under way; above it the oldest go, and another snapshot is needed. */
const WAITING_MAX = 128;

/**
 * The viewer's copy of the server's keyed state: a snapshot, then every change in order and without
 * a gap. Each method returns the entries that changed; a deleted key with `null` in the place of its content.
 */
export class StateReplica {
  readonly #entries = new Map<string, StateEntry>();
  /** The last change that is applied. */
  #applied: { readonly stateId: string; rev: number } | undefined;
  /** The newest revision that this viewer knows to exist. */
  #newest: { readonly stateId: string; readonly rev: number } | undefined;
  /** Changes that arrived after a gap, by `rev`. */
  #waiting: StateChange[] = [];

  /** A change is missing that only a snapshot brings. */
  get isBehind(): boolean {
    if (this.#newest === undefined) return false;
    return this.#applied?.stateId !== this.#newest.stateId || this.#applied.rev < this.#newest.rev;
  }

  entries(): StateEntry[] {
    return [...this.#entries.values()];
  }

  applyChange(change: StateChange): StateEntry[] {
    const { stateId, rev, entry } = change;
    if (this.#applied?.stateId === stateId && rev <= this.#applied.rev) return [];
    if (this.#newest?.stateId !== stateId) {
      this.#newest = { stateId, rev };
      this.#waiting = [];
    } else if (rev > this.#newest.rev) {
      this.#newest = { stateId, rev };
    }
    if (entry === undefined) return [];
    this.#waiting.push(change);
    // While a transport is replaced, the old and the new one bring the same changes.
    this.#waiting.sort((a, b) => a.rev - b.rev);
    if (this.#waiting.length > WAITING_MAX) this.#waiting.shift();
    return this.#applyWaiting();
  }

  applySnapshot({ stateId, rev, entries }: StateSnapshot): StateEntry[] {
    const applied = this.#applied;
    // Newer changes arrived before this answer.
    if (applied?.stateId === stateId && rev < applied.rev) return [];
    this.#applied = { stateId, rev };
    if (this.#newest?.stateId !== stateId) {
      this.#newest = undefined;
      this.#waiting = [];
    }
    const before = new Map(this.#entries);
    const changed: StateEntry[] = [];
    this.#entries.clear();
    for (const entry of entries) {
      const keyId = stateKeyId(entry);
      const old = before.get(keyId);
      before.delete(keyId);
      this.#entries.set(keyId, entry);
      if (!old || JSON.stringify(old) !== JSON.stringify(entry)) changed.push(entry);
    }
    for (const gone of before.values()) changed.push(deletionOf(gone));
    return [...changed, ...this.#applyWaiting()];
  }

  /** Applies the waiting changes that follow the last applied one without a gap. */
  #applyWaiting(): StateEntry[] {
    const applied = this.#applied;
    if (!applied) return [];
    const changed: StateEntry[] = [];
    for (const { stateId, rev, entry } of this.#waiting) {
      if (stateId !== applied.stateId || rev !== applied.rev + 1 || !entry) continue;
      applied.rev = rev;
      const keyId = stateKeyId(entry);
      if (isDeletion(entry)) this.#entries.delete(keyId);
      else this.#entries.set(keyId, entry);
      changed.push(entry);
    }
    this.#waiting = this.#waiting.filter(({ rev }) => rev > applied.rev);
    return changed;
  }
}
