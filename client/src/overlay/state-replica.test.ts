import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type KeyedMessage,
  stateKeyId,
  type StateChange,
  type StateEntry,
} from '#protocol/overlay-state.ts';
import { KeyedState } from '#backend/overlay/keyed-state.ts';
import { StateReplica } from './state-replica.ts';
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

const byKey = (entries: readonly StateEntry[]) =>
  new Map(entries.map((entry) => [stateKeyId(entry), entry]));

/** A viewer's page: a connection that loses changes, the replica, and the entries drawn from what it reports. */
class ModelViewer {
  readonly replica = new StateReplica();
  readonly drawn = new Map<string, StateEntry>();
  underWay: StateChange[] = [];

  show(changed: readonly StateEntry[]): void {
    for (const entry of changed) {
      const empty = entry.kind === 'data' ? entry.data === null : entry.shapes === null;
      if (empty) this.drawn.delete(stateKeyId(entry));
      else this.drawn.set(stateKeyId(entry), entry);
    }
  }

  receive(): void {
    const change = this.underWay.shift();
    if (change) this.show(this.replica.applyChange(change));
  }
}

/** A server, the publisher's page, a program that sends over ingest, and viewers. */
class Model {
  state = new KeyedState('s0');
  page = new StateOutbox();
  /** What the program has set since the server started. */
  ingest = new Map<string, KeyedMessage>();
  readonly viewers: ModelViewer[] = [];
  online = true;
  unanswered: StateBatch | undefined;
  servers = 0;

  announce(changes: readonly (StateChange | undefined)[]): void {
    for (const viewer of this.viewers) {
      viewer.underWay.push(...changes.filter((change) => change !== undefined));
    }
  }

  /** One request of the page reaches the server; the answer is still to come. */
  send(): boolean {
    if (!this.online || this.unanswered) return false;
    const batch = this.page.nextBatch();
    if (!batch) return false;
    if (batch.keys) this.announce(this.state.keepOnly(batch.keys, 'page'));
    this.announce(batch.messages.map((message) => this.state.set(message, 'page')));
    this.unanswered = batch;
    return true;
  }

  answer(): void {
    if (this.unanswered) this.page.confirm(this.unanswered);
    this.unanswered = undefined;
  }

  setFromIngest(message: KeyedMessage): void {
    const deletes = message.kind === 'data' ? message.data === null : message.shapes === null;
    if (deletes) this.ingest.delete(stateKeyId(message));
    else this.ingest.set(stateKeyId(message), message);
    this.announce([this.state.set(message, 'ingest')]);
  }

  join(viewer: ModelViewer): void {
    viewer.underWay = [];
    viewer.show(viewer.replica.applySnapshot(this.state.snapshot()));
  }

  /** Everything under way arrives, and viewers that are behind request a snapshot. */
  settle(): void {
    if (!this.online) this.run({ do: 'page socket' });
    do this.answer();
    while (this.send());
    this.announce([this.state.announcement()]);
    for (const viewer of this.viewers) {
      while (viewer.underWay.length > 0) viewer.receive();
      if (viewer.replica.isBehind) viewer.show(viewer.replica.applySnapshot(this.state.snapshot()));
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
        if (this.online) this.page.resendAll();
        return;
      case 'another page':
        // It takes the room over with the keys that it holds itself.
        this.page = new StateOutbox();
        this.unanswered = undefined;
        if (step.value !== null) this.page.set(keyed(key, step.value ?? 0));
        return;
      case 'ingest sets':
        this.setFromIngest(keyed(key, step.value ?? null));
        return;
      case 'server restarts':
        this.servers += 1;
        this.state = new KeyedState(`s${this.servers}`);
        this.ingest.clear();
        this.unanswered = undefined;
        this.page.resendAll();
        for (const each of this.viewers) this.join(each);
        return;
      case 'broadcast given up and back':
        this.announce(this.state.keepOnly([], 'page'));
        this.page.resendAll();
        return;
      case 'viewer joins':
        if (this.viewers.length >= 4) return;
        this.viewers.push(new ModelViewer());
        this.join(this.viewers.at(-1) ?? new ModelViewer());
        return;
      case 'viewer resumes':
        // The transport stays: changes under way still arrive.
        viewer?.show(viewer.replica.applySnapshot(this.state.snapshot()));
        return;
      case 'viewer rejoins':
        if (viewer) this.join(viewer);
        return;
      case 'viewer receives':
        viewer?.receive();
        return;
      case 'viewer loses':
        viewer?.underWay.shift();
        return;
      case 'server announces':
        this.announce([this.state.announcement()]);
        return;
      case 'viewer requests':
        if (viewer?.replica.isBehind)
          viewer.show(viewer.replica.applySnapshot(this.state.snapshot()));
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
  'ingest sets',
  'server restarts',
  'broadcast given up and back',
  'viewer joins',
  'viewer resumes',
  'viewer rejoins',
  'viewer receives',
  'viewer loses',
  'server announces',
  'viewer requests',
] as const;
interface Step {
  readonly do: (typeof STEPS)[number];
  readonly viewer?: number;
  readonly key?: number;
  readonly value?: number | null;
}
// The common steps come more often than the rare ones.
const often = [
  'page sets',
  'page sends',
  'page is answered',
  'ingest sets',
  'viewer receives',
  'viewer loses',
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

describe('STATE-1 STATE-2 page, server and viewers end with the same state', () => {
  it('after any order of changes, losses, reconnections and restarts', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const model = new Model();
        model.run({ do: 'viewer joins' });
        for (const step of list) model.run(step);
        model.settle();
        // The viewer that joins last gets the same as the others.
        model.run({ do: 'viewer joins' });
        const truth = byKey(model.state.snapshot().entries);
        const expected = byKey([
          ...model.page.entries().map((message) => ({ ...message, from: 'page' as const })),
          ...[...model.ingest.values()].map((message) => ({
            ...message,
            from: 'ingest' as const,
          })),
        ]);
        expect(truth).toEqual(expected);
        for (const viewer of model.viewers) {
          expect(viewer.replica.isBehind).toBe(false);
          expect(byKey(viewer.replica.entries())).toEqual(truth);
          expect(viewer.drawn).toEqual(truth);
        }
      }),
      { numRuns: 1_500 },
    );
  });
});

describe('STATE-2 a snapshot, then changes in order and without a gap', () => {
  const change = (rev: number, key = 'a', stateId = 's'): StateChange => ({
    stateId,
    rev,
    entry: { ...keyed(key, rev), from: 'page' },
  });
  const snapshot = (rev: number, ...entries: StateEntry[]) => ({ stateId: 's', rev, entries });

  it('applies nothing before the snapshot', () => {
    const replica = new StateReplica();
    expect(replica.applyChange(change(4))).toEqual([]);
    expect(replica.isBehind).toBe(true);
    expect(replica.applySnapshot(snapshot(3))).toEqual([change(4).entry]);
    expect(replica.isBehind).toBe(false);
  });

  it('changes after a gap wait for the snapshot and follow it', () => {
    const replica = new StateReplica();
    replica.applySnapshot(snapshot(1));
    expect(replica.applyChange(change(3, 'b'))).toEqual([]);
    expect(replica.applyChange(change(4, 'b'))).toEqual([]);
    expect(replica.isBehind).toBe(true);
    const missed = change(2).entry;
    expect(missed && replica.applySnapshot(snapshot(2, missed))).toEqual([
      missed,
      change(3, 'b').entry,
      change(4, 'b').entry,
    ]);
    expect(replica.isBehind).toBe(false);
  });

  it('an announcement shows that the last change was lost', () => {
    const replica = new StateReplica();
    replica.applySnapshot(snapshot(1));
    expect(replica.applyChange({ stateId: 's', rev: 1 })).toEqual([]);
    expect(replica.isBehind).toBe(false);
    expect(replica.applyChange({ stateId: 's', rev: 2 })).toEqual([]);
    expect(replica.isBehind).toBe(true);
  });

  it('a snapshot that is older than the changes undoes nothing', () => {
    const replica = new StateReplica();
    replica.applySnapshot(snapshot(1));
    replica.applyChange(change(2));
    expect(replica.applySnapshot(snapshot(1))).toEqual([]);
    expect(replica.entries()).toEqual([change(2).entry]);
  });

  it('another stateId is another server: its snapshot replaces everything', () => {
    const replica = new StateReplica();
    replica.applySnapshot(snapshot(9));
    replica.applyChange(change(10));
    expect(replica.applySnapshot({ stateId: 'other', rev: 0, entries: [] })).toEqual([
      { ...keyed('a', null), from: 'page' },
    ]);
    expect(replica.isBehind).toBe(false);
    expect(replica.applyChange(change(1, 'b', 'other'))).toHaveLength(1);
  });

  it('keeps a bounded number of changes while it waits for a snapshot', () => {
    const replica = new StateReplica();
    replica.applySnapshot(snapshot(0));
    for (let rev = 2; rev < 1_000; rev += 1) replica.applyChange(change(rev));
    expect(replica.applySnapshot(snapshot(1))).toEqual([]);
    expect(replica.isBehind).toBe(true);
    const newest = change(999).entry;
    expect(newest && replica.applySnapshot(snapshot(999, newest))).toEqual([newest]);
    expect(replica.isBehind).toBe(false);
  });
});
