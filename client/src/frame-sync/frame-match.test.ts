import { type FrameId, OVERLAY_MAX_TOPICS, type ShapesMessage } from '#protocol/overlay.ts';
import { describe, expect, it, test } from 'vitest';
import { FrameMatch, MATCH, type ShownFrame } from './frame-match.ts';

let seq = 0;
function message(frame: FrameId | undefined, text = '', topic = 't'): ShapesMessage {
  seq += 1;
  return {
    kind: 'shapes',
    topic,
    seq,
    capturedAt: 0,
    ...(frame && { frame }),
    shapes: [{ type: 'label', x: 0, y: 0, text }],
  };
}

const EPOCH = 1_800_000_000_000;
const frameMs = 33;
/** Frame `number` with its tag; the viewer's RTP timestamps are its own. */
const shown = (number: number): ShownFrame => ({
  rtpTimestamp: (number * 3000 + 777) >>> 0,
  tag: { number: number >>> 0, capturedAt: EPOCH + number * frameMs },
  guessedAt: undefined,
});
const untagged = (rtpTimestamp: number | undefined): ShownFrame => ({
  rtpTimestamp,
  tag: undefined,
  guessedAt: undefined,
});

function harness() {
  const lateness: number[] = [];
  const match = new FrameMatch((ms) => lateness.push(ms));
  const at = (number: number) => number * frameMs;
  return {
    match,
    lateness,
    /** Shows a frame; the frames whose data is drawn with it. */
    show: (number: number) =>
      match.shown(shown(number), at(number)).map(({ frame }) => frame?.number),
    offer: (number: number, now: number) => match.offer(message({ number: number >>> 0 }), at(now)),
    at,
  };
}

describe('a frame whose tag has not come yet among others that have one', () => {
  const shift = 777;
  const rtpOf = (number: number) => number * 3000;
  const named = (number: number) => message({ number, rtpTimestamp: rtpOf(number) });
  const bare = (number: number) => untagged(rtpOf(number) + shift);
  /** Frame 10 has been shown with its data; that of 11, 12 and 13 waits. */
  function begun() {
    const match = new FrameMatch();
    match.offer(named(10), 0);
    match.shown(shown(10), 1);
    for (const number of [11, 12, 13]) match.offer(named(number), 2);
    return match;
  }
  const numbers = (due: readonly ShapesMessage[]) => due.map(({ frame }) => frame?.number);

  it('FRAME-1 is told by how the RTP timestamps of its neighbours differ from the publisher’s', () => {
    const match = begun();
    expect(numbers(match.shown(bare(11), 33))).toEqual([11]);
    expect(numbers(match.shown(shown(12), 66))).toEqual([12]);
    expect(match.figures).toMatchObject({ method: 'tag', exact: 3 });
  });

  it('FRAME-1 draws nothing that belongs to others', () => {
    const match = begun();
    // Between two frames by its time: another layer's, after a switch.
    expect(numbers(match.shown(untagged(rtpOf(10) + shift + 1500), 33))).toEqual([]);
    expect(numbers(match.shown(shown(11), 66))).toEqual([11]);
  });

  it('FRAME-1 gets its data when the tag comes', () => {
    const match = new FrameMatch();
    match.offer(message({ number: 10 }), 0);
    match.shown(shown(10), 1);
    match.offer(message({ number: 11 }), 2);
    expect(match.shown(untagged(11 * 3000 + 777), 33)).toEqual([]);
    expect(numbers(match.told(shown(11), 40))).toEqual([11]);
    expect(numbers(match.told(shown(11), 41))).toEqual([]);
  });
});

describe('with tags', () => {
  it('FRAME-1 draws a message with its frame, not before and not after', () => {
    const { offer, show, match } = harness();
    expect(show(10)).toEqual([]);
    expect([offer(12, 10), offer(11, 10), offer(13, 10)]).toEqual([false, false, false]);
    expect([show(11), show(12), show(13), show(14)]).toEqual([[11], [12], [13], []]);
    expect(match.figures).toEqual({ method: 'tag', exact: 3, late: 0, dropped: 0 });
  });

  it('FRAME-1 draws at once what belongs to the frame on the screen', () => {
    const { offer, show, match } = harness();
    show(10);
    expect(offer(10, 10.4)).toBe(true);
    expect(match.figures).toMatchObject({ exact: 1, late: 0 });
  });

  it('FRAME-5 a frame that is lost does not take its boxes with it', () => {
    const { offer, show } = harness();
    show(10);
    for (const number of [11, 12, 13]) offer(number, 10);
    // 11 and 12 never come to the screen: 13 does, and then nothing is missing.
    expect(show(13)).toEqual([13]);
    for (const number of [14, 15]) offer(number, 13);
    // 15 is shown and not analysed yet, 16 is: what is known of 14 and 15 is drawn by then.
    expect(show(16)).toEqual([15]);
  });

  it('FRAME-6 a message for a frame that has gone is drawn at once and counted as late', () => {
    const { offer, show, match, lateness } = harness();
    for (const number of [10, 11, 12]) show(number);
    expect(offer(11, 12)).toBe(true);
    expect(match.figures).toMatchObject({ late: 1, exact: 0 });
    expect(lateness).toEqual([frameMs]);
  });

  it('FRAME-6 tells how early a message came', () => {
    const { offer, show, lateness } = harness();
    show(10);
    offer(12, 10);
    show(12);
    expect(lateness).toEqual([-2 * frameMs]);
  });

  it('FRAME-6 what is older than the first frame is retained, not late', () => {
    const { offer, show, match } = harness();
    show(100);
    expect(offer(3, 100)).toBe(true);
    expect(match.figures.late).toBe(0);
  });

  it('FRAME-1 waits for the first frame before it draws what was there before', () => {
    const { offer, show } = harness();
    expect([offer(3, 0), offer(50, 0)]).toEqual([false, false]);
    expect([show(49), show(50)]).toEqual([[3], [50]]);
  });

  it('FRAME-1 of two messages for one frame the later one stays', () => {
    const { match, at } = harness();
    match.shown(shown(1), at(1));
    match.offer(message({ number: 2 }, 'first'), at(1));
    match.offer(message({ number: 2 }, 'second'), at(1));
    const due = match.shown(shown(2), at(2)).map(({ shapes }) => shapes[0]);
    expect(due).toMatchObject([{ text: 'second' }]);
  });

  it('FRAME-6 analysis that finishes out of order never goes back', () => {
    const { offer, show } = harness();
    show(10);
    expect(offer(10, 10)).toBe(true);
    expect(offer(9, 10)).toBe(false);
    expect(offer(11, 10)).toBe(false);
    show(12);
    expect(offer(10, 12)).toBe(false);
  });

  test.each([2 ** 32 - 2, 2 ** 32 - 1, 0])('FRAME-4 numbers begin anew after %i', (last) => {
    const { offer, show } = harness();
    show(last);
    expect([offer(last + 1, last), offer(last + 2, last)]).toEqual([false, false]);
    expect(show(last + 1)).toEqual([(last + 1) >>> 0]);
    expect(show(last + 2)).toEqual([(last + 2) >>> 0]);
  });

  it('FRAME-5 a frame whose tag is missing waits for the next, and draws nothing wrong', () => {
    const { match, offer, show, at } = harness();
    show(10);
    offer(11, 10);
    offer(12, 10);
    expect(match.shown(untagged(33_777), at(11))).toEqual([]);
    expect(show(12)).toEqual([12]);
  });

  it('FRAME-8 goes to the next best when tags stay away', () => {
    const { match, show, at } = harness();
    show(10);
    match.shown(untagged(5_000), at(10) + MATCH.tagPatienceMs + 1);
    const now = at(10) + MATCH.tagPatienceMs + 2;
    expect(match.offer(message({ number: 11, rtpTimestamp: 8_000 }), now)).toBe(false);
    expect(match.shown(untagged(8_000), now + 33)).toHaveLength(1);
    expect(match.figures.method).toBe('rtp');
  });

  it('FRAME-5 a message whose frame never comes is drawn after all, the newest of them', () => {
    const { match, offer, show, at } = harness();
    show(10);
    for (const number of [20, 21, 22]) offer(number, 10);
    expect(match.nextDue()).toBe(at(10) + MATCH.pendingMaxMs);
    expect(match.overdue(at(10) + MATCH.pendingMaxMs - 1)).toEqual([]);
    const due = match.overdue(at(10) + MATCH.pendingMaxMs);
    expect(due.map(({ frame }) => frame?.number)).toEqual([22]);
    expect(match.figures.dropped).toBe(2);
    expect(match.nextDue()).toBeUndefined();
  });

  it('FRAME-10 a hidden tab, which shows no frames, misses nothing', () => {
    const { match, offer, show, at } = harness();
    show(10);
    for (let number = 500; number < 600; number += 1) offer(number, number);
    expect(match.overdue(at(600) + MATCH.pendingMaxMs)).toHaveLength(1);
    expect(match.figures.dropped).toBe(0);
  });

  it('FRAME-5 a number far ahead of the picture is not waited for', () => {
    const { offer, show, match } = harness();
    show(10);
    expect(offer(10 + MATCH.aheadMaxFrames + 1, 10)).toBe(true);
    expect(match.figures.method).toBe('newest');
  });

  it('FRAME-1 a new broadcast begins from nothing', () => {
    const { offer, show, match } = harness();
    show(5000);
    offer(5001, 5000);
    match.reset();
    expect(match.nextDue()).toBeUndefined();
    expect(offer(3, 5000)).toBe(false);
    expect(show(3)).toEqual([3]);
  });
});

describe('without a frame', () => {
  it('FRAME-9 is drawn at once, and takes the place of what waits', () => {
    const { match, offer, show, at } = harness();
    show(10);
    offer(11, 10);
    expect(match.offer(message(undefined), at(10))).toBe(true);
    expect(show(11)).toEqual([]);
  });
});

describe('without tags', () => {
  it('FRAME-8 goes by the RTP timestamp, a ms off at most', () => {
    const match = new FrameMatch();
    match.shown(untagged(90_000), 0);
    for (const rtpTimestamp of [93_090, 96_000]) match.offer(message({ rtpTimestamp }), 1);
    const drawn = [93_000, 96_000].map((rtp, i) =>
      match.shown(untagged(rtp), 33 * (i + 1)).map(({ frame }) => frame?.rtpTimestamp),
    );
    expect(drawn).toEqual([[93_090], [96_000]]);
    expect(match.figures).toMatchObject({ method: 'rtp', exact: 2 });
  });

  it('FRAME-8 an RTP timestamp of another timeline says nothing', () => {
    const match = new FrameMatch();
    match.shown(untagged(2_000_000_000), 0);
    expect(match.offer(message({ rtpTimestamp: 1_000 }), 1)).toBe(true);
    expect(match.figures.method).toBe('newest');
  });

  it('FRAME-8 goes by the nearest capture time', () => {
    const match = new FrameMatch();
    const frame = (at: number) => ({ ...untagged(undefined), guessedAt: EPOCH + at });
    match.shown(frame(0), 0);
    expect(match.offer(message({ capturedAt: EPOCH + 60 }), 1)).toBe(false);
    expect(match.shown(frame(33), 33)).toEqual([]);
    expect(match.shown(frame(66), 66)).toHaveLength(1);
    expect(match.figures).toMatchObject({ method: 'time', exact: 1 });
  });

  it('FRAME-8 data from outside names a frame by its time, and the tag knows the time', () => {
    const { match, show, at } = harness();
    show(10);
    match.offer(message({ capturedAt: EPOCH + 12 * frameMs + 9 }), at(10));
    expect([show(11), show(12)].map((due) => due.length)).toEqual([0, 1]);
    expect(match.figures).toMatchObject({ method: 'time', exact: 1 });
  });

  it('FRAME-8 with nothing to go by the newest picture has to do', () => {
    const match = new FrameMatch();
    match.shown(untagged(undefined), 0);
    expect(match.offer(message({ number: 7 }), 1)).toBe(true);
    expect(match.figures.method).toBe('newest');
  });

  it.each(['rtp', 'time', 'newest'] as const)('can be limited to %s', (method) => {
    const match = new FrameMatch();
    match.limit(method);
    match.shown(shown(1), 0);
    const { rtpTimestamp = 0, tag } = shown(2);
    const frame = { number: 2, rtpTimestamp, capturedAt: tag?.capturedAt };
    match.offer(message(frame), 1);
    match.shown(shown(2), 33);
    expect(match.figures.method).toBe(method);
  });
});

describe('bounds', () => {
  it('FRAME-10 keeps so many messages of a topic, the newest', () => {
    const { offer, show, match } = harness();
    show(0);
    for (let number = 1; number <= MATCH.pendingMax + 5; number += 1) offer(number, 0);
    expect(match.figures.dropped).toBe(5);
    expect([show(5), show(6)]).toEqual([[], [6]]);
  });

  it('FRAME-10 keeps so many bytes of a topic', () => {
    const { match, show, at } = harness();
    show(0);
    const text = 'x'.repeat(MATCH.pendingMaxBytes / 4);
    for (let number = 1; number <= 6; number += 1) match.offer(message({ number }, text), at(0));
    expect(match.figures.dropped).toBe(3);
    expect([show(3), show(4)]).toEqual([[], [4]]);
  });

  it('FRAME-10 keeps so many topics, the latest heard', () => {
    const { match, show, at } = harness();
    show(0);
    for (let i = 0; i <= OVERLAY_MAX_TOPICS; i += 1) {
      match.offer(message({ number: 1 }, '', `t${i}`), at(0));
    }
    expect(match.figures.dropped).toBe(1);
    expect(match.shown(shown(1), at(1)).map(({ topic }) => topic)).not.toContain('t0');
  });
});
