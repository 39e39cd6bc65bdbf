import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { OVERLAY_MAX_TOPICS, type OverlayMessage } from '#protocol/overlay.ts';
import type { StateEntry, StateSnapshot } from '#protocol/overlay-state.ts';
import { NewestPerTopic, OverlayReceiver } from './overlay-receiver.ts';

describe('NewestPerTopic', () => {
  it('drops a message that is not newer than the last of its topic', () => {
    const newest = new NewestPerTopic();
    const accepted = [3, 3, 2, 4, 1, 7].map((seq) => newest.accept({ topic: 'a', seq }));
    expect(accepted).toEqual([true, false, false, true, false, true]);
  });

  it('OVL-3 goes on after a single wrong seq, and where the sender counts from the start again', () => {
    const newest = new NewestPerTopic();
    const accepted = [5, 1_795_850_000_000, 6, 5, 7, 200_000, 1, 2].map((seq) =>
      newest.accept({ topic: 'a', seq }),
    );
    expect(accepted).toEqual([true, true, true, false, true, true, true, true]);
  });

  it('keeps topics apart', () => {
    const newest = new NewestPerTopic();
    expect(newest.accept({ topic: 'a', seq: 5 })).toBe(true);
    expect(newest.accept({ topic: 'b', seq: 1 })).toBe(true);
    expect(newest.accept({ topic: 'b', seq: 2 })).toBe(true);
  });

  it('begins at 1 again after reset', () => {
    const newest = new NewestPerTopic();
    newest.accept({ topic: 'a', seq: 5 });
    newest.accept({ topic: 'a', seq: 9 });
    newest.reset();
    expect(newest.accept({ topic: 'a', seq: 1 })).toBe(true);
  });

  it('remembers a bounded number of topics, those with the latest messages', () => {
    const newest = new NewestPerTopic();
    newest.accept({ topic: 'kept', seq: 1 });
    newest.accept({ topic: 'forgotten', seq: 1 });
    newest.accept({ topic: 'kept', seq: 2 });
    for (let i = 0; i < OVERLAY_MAX_TOPICS - 1; i += 1) newest.accept({ topic: `t${i}`, seq: 1 });
    expect(newest.accept({ topic: 'kept', seq: 2 })).toBe(false);
    expect(newest.accept({ topic: 'forgotten', seq: 1 })).toBe(true);
  });
});

describe('OverlayReceiver', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const message = (seq: number): OverlayMessage => ({
    kind: 'data',
    topic: 'a',
    seq,
    capturedAt: 0,
    data: seq,
  });
  const entry = (value: number): StateEntry => ({
    kind: 'data',
    topic: 'match',
    key: 'home',
    capturedAt: 0,
    data: value,
    from: 'page',
  });
  const snapshot = (rev: number): StateSnapshot => ({
    stateId: 's',
    rev,
    entries: rev === 0 ? [] : [entry(rev)],
  });

  /** A receiver that has the state of revision 0; snapshot requests are answered by the test. */
  function received() {
    const answers: ((snapshot: StateSnapshot) => void)[] = [];
    const receiver = new OverlayReceiver(() => new Promise((resolve) => answers.push(resolve)));
    const seen: unknown[] = [];
    receiver.onMessage(({ topic, seq }) => seen.push([topic, seq]));
    receiver.onState((changed) => seen.push(changed.kind === 'data' && changed.data));
    receiver.onReset(() => seen.push('reset'));
    receiver.applySnapshot({ page: [], ingest: [], state: snapshot(0) });
    const change = (rev: number) =>
      receiver.receive('state', JSON.stringify({ stateId: 's', rev, entry: entry(rev) }));
    return { receiver, seen, answers, change };
  }

  it('passes on newer messages only, and numbers of page and ingest are independent', () => {
    const { receiver, seen } = received();
    receiver.receive('page', JSON.stringify(message(2)));
    receiver.receive('page', JSON.stringify(message(1)));
    receiver.receive('ingest', JSON.stringify(message(1)));
    receiver.receive('page', 'no JSON');
    expect(seen).toEqual([
      ['a', 2],
      ['a', 1],
    ]);
  });

  it('STATE-2 requests a snapshot after a gap, one request a second at most', async () => {
    const { seen, answers, change } = received();
    change(1);
    change(3);
    change(4);
    expect(seen).toEqual([1]);
    expect(answers).toHaveLength(1);
    answers[0]?.(snapshot(4));
    await vi.advanceTimersByTimeAsync(0);
    expect(seen).toEqual([1, 4]);
    change(6);
    await vi.advanceTimersByTimeAsync(999);
    expect(answers).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(answers).toHaveLength(2);
  });

  it('STATE-1 after a new broadcast reports the state again, and accepts messages from 1', () => {
    const { receiver, seen, change } = received();
    receiver.receive('page', JSON.stringify(message(9)));
    change(1);
    receiver.broadcastStarted();
    receiver.receive('page', JSON.stringify(message(1)));
    expect(seen).toEqual([['a', 9], 1, 'reset', 1, ['a', 1]]);
  });

  it('leaves no timer when closed', async () => {
    const { receiver, answers, change } = received();
    change(2);
    answers[0]?.(snapshot(2));
    await vi.advanceTimersByTimeAsync(0);
    receiver.close();
    receiver.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});
