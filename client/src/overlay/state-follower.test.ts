import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type KeyedMessage,
  slotOf,
  type StateChange,
  type StateEntry,
} from '#protocol/overlay-state.ts';
import { KeyedState } from '#backend/overlay/keyed-state.ts';
import { StateFollower } from './state-follower.ts';
import { type StateBatch, StateOutbox } from './state-outbox.ts';

const KEYS = ['a', 'b', 'c', 'd'] as const;
const keyed = (key: string, value: number | null): KeyedMessage =>
  key < 'c'
    ? { kind: 'data', topic: 'match', key, capturedAt: 1, data: value }
    : {
        kind: 'shapes',
        topic: 'marks',
        key,
        capturedAt: 1,
        shapes: value === null ? null : [{ type: 'label', x: 0, y: 0, text: String(value) }],
      };

const byPlace = (entries: readonly StateEntry[]) =>
  new Map(entries.map((entry) => [slotOf(entry), entry]));

/** A viewer's page: a line that loses, the follower, and what has been drawn from its word. */
class ModelViewer {
  readonly follower = new StateFollower();
  readonly drawn = new Map<string, StateEntry>();
  line: StateChange[] = [];

  show(changed: readonly StateEntry[]): void {
    for (const entry of changed) {
      const empty = entry.kind === 'data' ? entry.data === null : entry.shapes === null;
      if (empty) this.drawn.delete(slotOf(entry));
      else this.drawn.set(slotOf(entry), entry);
    }
  }

  hear(): void {
    const change = this.line.shift();
    if (change) this.show(this.follower.accept(change));
  }
}

/** Server, the publisher's page, a program beside it, and viewers. */
class Model {
  state = new KeyedState('s0');
  page = new StateOutbox();
  /** What the program beside has set since the server began. */
  outside = new Map<string, KeyedMessage>();
  readonly viewers: ModelViewer[] = [];
  online = true;
  unanswered: StateBatch | undefined;
  servers = 0;

  tell(changes: readonly (StateChange | undefined)[]): void {
    for (const viewer of this.viewers) {
      viewer.line.push(...changes.filter((change) => change !== undefined));
    }
  }

  /** One request of the page reaches the server; its ack is still to come. */
  send(): boolean {
    if (!this.online || this.unanswered) return false;
    const batch = this.page.next();
    if (!batch) return false;
    if (batch.keys) this.tell(this.state.keepOnly(batch.keys, 'page'));
    this.tell(batch.messages.map((message) => this.state.set(message, 'page')));
    this.unanswered = batch;
    return true;
  }

  answer(): void {
    if (this.unanswered) this.page.sent(this.unanswered);
    this.unanswered = undefined;
  }

  setOutside(message: KeyedMessage): void {
    const deletes = message.kind === 'data' ? message.data === null : message.shapes === null;
    if (deletes) this.outside.delete(slotOf(message));
    else this.outside.set(slotOf(message), message);
    this.tell([this.state.set(message, 'ingest')]);
  }

  join(viewer: ModelViewer): void {
    viewer.line = [];
    viewer.show(viewer.follower.take(this.state.snapshot()));
  }

  /** Everything heals: whatever is under way arrives, whoever is behind asks. */
  settle(): void {
    if (!this.online) this.run({ do: 'page socket' });
    do this.answer();
    while (this.send());
    this.tell([this.state.announcement()]);
    for (const viewer of this.viewers) {
      while (viewer.line.length > 0) viewer.hear();
      if (viewer.follower.behind) viewer.show(viewer.follower.take(this.state.snapshot()));
    }
  }

  run(step: Step): void {
    const viewer = this.viewers[(step.viewer ?? 0) % Math.max(1, this.viewers.length)];
    const key = KEYS[(step.key ?? 0) % KEYS.length] ?? 'a';
    switch (step.do) {
      case 'page sets':
        this.page.set(keyed(key, step.value ?? null));
        return;
      case 'page sends':
        this.send();
        return;
      case 'page is answered':
        this.answer();
        return;
      case 'page socket':
        this.online = !this.online;
        this.unanswered = undefined;
        if (this.online) this.page.restart();
        return;
      case 'another page':
        // It takes the room over with what it holds itself.
        this.page = new StateOutbox();
        this.unanswered = undefined;
        if (step.value !== null) this.page.set(keyed(key, step.value ?? 0));
        return;
      case 'outside sets':
        this.setOutside(keyed(key, step.value ?? null));
        return;
      case 'server restarts':
        this.servers += 1;
        this.state = new KeyedState(`s${this.servers}`);
        this.outside.clear();
        this.unanswered = undefined;
        this.page.restart();
        for (const each of this.viewers) this.join(each);
        return;
      case 'broadcast given up and back':
        this.tell(this.state.keepOnly([], 'page'));
        this.page.restart();
        return;
      case 'somebody joins':
        if (this.viewers.length >= 4) return;
        this.viewers.push(new ModelViewer());
        this.join(this.viewers.at(-1) ?? new ModelViewer());
        return;
      case 'resumes':
        // The transport stays: what is on its line still comes.
        viewer?.show(viewer.follower.take(this.state.snapshot()));
        return;
      case 'rejoins':
        if (viewer) this.join(viewer);
        return;
      case 'hears':
        viewer?.hear();
        return;
      case 'loses':
        viewer?.line.shift();
        return;
      case 'beat':
        this.tell([this.state.announcement()]);
        return;
      case 'asks':
        if (viewer?.follower.behind) viewer.show(viewer.follower.take(this.state.snapshot()));
        return;
      default:
        step.do satisfies never;
    }
  }
}

const STEPS = [
  'page sets',
  'page sends',
  'page is answered',
  'page socket',
  'another page',
  'outside sets',
  'server restarts',
  'broadcast given up and back',
  'somebody joins',
  'resumes',
  'rejoins',
  'hears',
  'loses',
  'beat',
  'asks',
] as const;
interface Step {
  readonly do: (typeof STEPS)[number];
  readonly viewer?: number;
  readonly key?: number;
  readonly value?: number | null;
}
// The everyday steps come more often than the rare ones.
const often = [
  'page sets',
  'page sends',
  'page is answered',
  'outside sets',
  'hears',
  'loses',
] as const;
const steps = fc.array(
  fc.record({
    do: fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...often) },
      { weight: 1, arbitrary: fc.constantFrom(...STEPS) },
    ),
    viewer: fc.nat(3),
    key: fc.nat(3),
    value: fc.option(fc.nat(9), { freq: 3 }),
  }),
  { minLength: 5, maxLength: 120 },
);

describe('STATE-1 STATE-2 everybody ends with the same state', () => {
  it('whatever is set, deleted, lost, cut and begun anew', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const model = new Model();
        model.run({ do: 'somebody joins' });
        for (const step of list) model.run(step);
        model.settle();
        // A viewer who comes last, and a server that everybody agrees with.
        model.run({ do: 'somebody joins' });
        const truth = byPlace(model.state.snapshot().entries);
        const meant = byPlace([
          ...model.page.entries().map((message) => ({ ...message, from: 'page' as const })),
          ...[...model.outside.values()].map((message) => ({
            ...message,
            from: 'ingest' as const,
          })),
        ]);
        expect(truth).toEqual(meant);
        for (const viewer of model.viewers) {
          expect(viewer.follower.behind).toBe(false);
          expect(byPlace(viewer.follower.entries())).toEqual(truth);
          expect(viewer.drawn).toEqual(truth);
        }
      }),
      { numRuns: 1_500 },
    );
  });
});

describe('STATE-2 snapshot, then changes in order and without gap', () => {
  const change = (rev: number, key = 'a', stateId = 's'): StateChange => ({
    stateId,
    rev,
    entry: { ...keyed(key, rev), from: 'page' },
  });
  const snapshot = (rev: number, ...entries: StateEntry[]) => ({ stateId: 's', rev, entries });

  it('nothing is shown before the snapshot', () => {
    const follower = new StateFollower();
    expect(follower.accept(change(4))).toEqual([]);
    expect(follower.behind).toBe(true);
    expect(follower.take(snapshot(3))).toEqual([change(4).entry]);
    expect(follower.behind).toBe(false);
  });

  it('what comes after a gap waits for the snapshot, and is not lost with it', () => {
    const follower = new StateFollower();
    follower.take(snapshot(1));
    expect(follower.accept(change(3, 'b'))).toEqual([]);
    expect(follower.accept(change(4, 'b'))).toEqual([]);
    expect(follower.behind).toBe(true);
    const missed = change(2).entry;
    expect(missed && follower.take(snapshot(2, missed))).toEqual([
      missed,
      change(3, 'b').entry,
      change(4, 'b').entry,
    ]);
    expect(follower.behind).toBe(false);
  });

  it('a beat tells of a change that was the last and is lost', () => {
    const follower = new StateFollower();
    follower.take(snapshot(1));
    expect(follower.accept({ stateId: 's', rev: 1 })).toEqual([]);
    expect(follower.behind).toBe(false);
    expect(follower.accept({ stateId: 's', rev: 2 })).toEqual([]);
    expect(follower.behind).toBe(true);
  });

  it('a snapshot that changes have overtaken takes nothing back', () => {
    const follower = new StateFollower();
    follower.take(snapshot(1));
    follower.accept(change(2));
    expect(follower.take(snapshot(1))).toEqual([]);
    expect(follower.entries()).toEqual([change(2).entry]);
  });

  it('another count of changes is another server: its snapshot replaces all', () => {
    const follower = new StateFollower();
    follower.take(snapshot(9));
    follower.accept(change(10));
    expect(follower.take({ stateId: 'other', rev: 0, entries: [] })).toEqual([
      { ...keyed('a', null), from: 'page' },
    ]);
    expect(follower.behind).toBe(false);
    expect(follower.accept(change(1, 'b', 'other'))).toHaveLength(1);
  });

  it('what is kept while a snapshot is awaited is bounded', () => {
    const follower = new StateFollower();
    follower.take(snapshot(0));
    for (let rev = 2; rev < 1_000; rev += 1) follower.accept(change(rev));
    expect(follower.take(snapshot(1))).toEqual([]);
    expect(follower.behind).toBe(true);
    const newest = change(999).entry;
    expect(newest && follower.take(snapshot(999, newest))).toEqual([newest]);
    expect(follower.behind).toBe(false);
  });
});
