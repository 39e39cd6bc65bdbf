import { type FrameId, OVERLAY_MAX_TOPICS, type ShapesMessage } from '#protocol/overlay.ts';
import { describe, expect, it, test } from 'vitest';
import { FRAME_DISTANCE } from './frame-distance.ts';
import { FrameMatch, MATCH } from './frame-match.ts';
import type { ShownFrame } from './shown-frame.ts';

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
/** Frame `number` with its tag; the viewer's RTP timestamps differ from the publisher's. */
const shown = (number: number): ShownFrame => ({
  rtpTimestamp: (number * 3000 + 777) >>> 0,
  tag: { number: number >>> 0, capturedAt: EPOCH + number * frameMs },
  estimatedCapturedAt: undefined,
});
const untagged = (rtpTimestamp: number | undefined): ShownFrame => ({
  rtpTimestamp,
  tag: undefined,
  estimatedCapturedAt: undefined,
});

function harness() {
  const lateness: number[] = [];
  const match = new FrameMatch((ms) => lateness.push(ms));
  const at = (number: number) => number * frameMs;
  return {
    match,
    lateness,
    /** Shows a frame; returns the frames whose data is drawn with it. */
    show: (number: number) =>
      match.frameShown(shown(number), at(number)).map(({ frame }) => frame?.number),
    offer: (number: number, now: number) => match.offer(message({ number: number >>> 0 }), at(now)),
    at,
  };
}

describe('a frame whose tag has not come yet, among frames that have one', () => {
  const shift = 777;
  const rtpOf = (number: number) => number * 3000;
  const withFrame = (number: number) => message({ number, rtpTimestamp: rtpOf(number) });
  const bare = (number: number) => untagged(rtpOf(number) + shift);
  /** Frame 10 has been shown with its data; the data of 11, 12 and 13 waits. */
  function begun() {
    const match = new FrameMatch();
    match.offer(withFrame(10), 0);
    match.frameShown(shown(10), 1);
    for (const number of [11, 12, 13]) match.offer(withFrame(number), 2);
    return match;
  }
  const numbers = (due: readonly ShapesMessage[]) => due.map(({ frame }) => frame?.number);

  it('FRAME-1 is identified by how the RTP timestamps of its neighbours differ from the publisher’s', () => {
    const match = begun();
    expect(numbers(match.frameShown(bare(11), 33))).toEqual([11]);
    expect(numbers(match.frameShown(shown(12), 66))).toEqual([12]);
    expect(match.stats).toMatchObject({ method: 'tag', exact: 3 });
  });

  it('FRAME-1 draws nothing that belongs to other frames', () => {
    const match = begun();
    // Its time is between two frames: a frame of another layer, after a switch.
    expect(numbers(match.frameShown(untagged(rtpOf(10) + shift + 1500), 33))).toEqual([]);
    expect(numbers(match.frameShown(shown(11), 66))).toEqual([11]);
  });

  it('FRAME-1 gets its data when the tag comes', () => {
    const match = new FrameMatch();
    match.offer(message({ number: 10 }), 0);
    match.frameShown(shown(10), 1);
    match.offer(message({ number: 11 }), 2);
    expect(match.frameShown(untagged(11 * 3000 + 777), 33)).toEqual([]);
    expect(numbers(match.frameIdentified(shown(11), 40))).toEqual([11]);
    expect(numbers(match.frameIdentified(shown(11), 41))).toEqual([]);
  });
});

describe('with tags', () => {
  it('FRAME-1 draws a message with its frame, not before and not after', () => {
    const { offer, show, match } = harness();
    expect(show(10)).toEqual([]);
    expect([offer(12, 10), offer(11, 10), offer(13, 10)]).toEqual([false, false, false]);
    expect([show(11), show(12), show(13), show(14)]).toEqual([[11], [12], [13], []]);
    expect(match.stats).toEqual({ method: 'tag', exact: 3, late: 0, dropped: 0 });
  });

  it('FRAME-1 draws a message at once whose frame is on the screen', () => {
    const { offer, show, match } = harness();
    show(10);
    expect(offer(10, 10.4)).toBe(true);
    expect(match.stats).toMatchObject({ exact: 1, late: 0 });
  });

  it('FRAME-5 a lost frame does not remove its boxes', () => {
    const { offer, show } = harness();
    show(10);
    for (const number of [11, 12, 13]) offer(number, 10);
    // 11 and 12 never come to the screen; with 13 nothing is missing.
    expect(show(13)).toEqual([13]);
    for (const number of [14, 15]) offer(number, 13);
    // 16 is shown and has no message yet: the latest earlier message, that of 15, is drawn.
    expect(show(16)).toEqual([15]);
  });

  it('FRAME-6 a message of a frame that is gone is drawn at once and counted as late', () => {
    const { offer, show, match, lateness } = harness();
    for (const number of [10, 11, 12]) show(number);
    expect(offer(11, 12)).toBe(true);
    expect(match.stats).toMatchObject({ late: 1, exact: 0 });
    expect(lateness).toEqual([frameMs]);
  });

  it('FRAME-6 reports how early a message came', () => {
    const { offer, show, lateness } = harness();
    show(10);
    offer(12, 10);
    show(12);
    expect(lateness).toEqual([-2 * frameMs]);
  });

  it('FRAME-6 a message older than the first frame is retained, not late', () => {
    const { offer, show, match } = harness();
    show(100);
    expect(offer(3, 100)).toBe(true);
    expect(match.stats.late).toBe(0);
  });

  it('FRAME-1 draws earlier messages only with the first frame', () => {
    const { offer, show } = harness();
    expect([offer(3, 0), offer(50, 0)]).toEqual([false, false]);
    expect([show(49), show(50)]).toEqual([[3], [50]]);
  });

  it('FRAME-1 of two messages of one frame the later one stays', () => {
    const { match, at } = harness();
    match.frameShown(shown(1), at(1));
    match.offer(message({ number: 2 }, 'first'), at(1));
    match.offer(message({ number: 2 }, 'second'), at(1));
    const due = match.frameShown(shown(2), at(2)).map(({ shapes }) => shapes[0]);
    expect(due).toMatchObject([{ text: 'second' }]);
  });

  it('FRAME-6 an older message never replaces a newer one, where analysis finishes out of order', () => {
    const { offer, show } = harness();
    show(10);
    expect(offer(10, 10)).toBe(true);
    expect(offer(9, 10)).toBe(false);
    expect(offer(11, 10)).toBe(false);
    show(12);
    expect(offer(10, 12)).toBe(false);
  });

  test.each([2 ** 32 - 2, 2 ** 32 - 1, 0])('FRAME-4 numbers go on after %i', (last) => {
    const { offer, show } = harness();
    show(last);
    expect([offer(last + 1, last), offer(last + 2, last)]).toEqual([false, false]);
    expect(show(last + 1)).toEqual([(last + 1) >>> 0]);
    expect(show(last + 2)).toEqual([(last + 2) >>> 0]);
  });

  it('FRAME-5 draws nothing on a frame without a tag, and goes on with the next frame', () => {
    const { match, offer, show, at } = harness();
    show(10);
    offer(11, 10);
    offer(12, 10);
    expect(match.frameShown(untagged(33_777), at(11))).toEqual([]);
    expect(show(12)).toEqual([12]);
  });

  it('FRAME-8 uses the next best method when no more tags come', () => {
    const { match, show, at } = harness();
    show(10);
    match.frameShown(untagged(5_000), at(10) + FRAME_DISTANCE.tagPatienceMs + 1);
    const now = at(10) + FRAME_DISTANCE.tagPatienceMs + 2;
    expect(match.offer(message({ number: 11, rtpTimestamp: 8_000 }), now)).toBe(false);
    expect(match.frameShown(untagged(8_000), now + 33)).toHaveLength(1);
    expect(match.stats.method).toBe('rtp');
  });

  it('FRAME-5 of messages whose frames never come the newest is drawn in the end', () => {
    const { match, offer, show, at } = harness();
    show(10);
    for (const number of [20, 21, 22]) offer(number, 10);
    expect(match.nextDue()).toBe(at(10) + MATCH.waitingMaxMs);
    expect(match.overdue(at(10) + MATCH.waitingMaxMs - 1)).toEqual([]);
    const due = match.overdue(at(10) + MATCH.waitingMaxMs);
    expect(due.map(({ frame }) => frame?.number)).toEqual([22]);
    expect(match.stats.dropped).toBe(2);
    expect(match.nextDue()).toBeUndefined();
  });

  it('FRAME-10 counts nothing as dropped in a hidden tab, which shows no frames', () => {
    const { match, offer, show, at } = harness();
    show(10);
    for (let number = 500; number < 600; number += 1) offer(number, number);
    expect(match.overdue(at(600) + MATCH.waitingMaxMs)).toHaveLength(1);
    expect(match.stats.dropped).toBe(0);
  });

  it('FRAME-5 a message whose number is far ahead of the video does not wait', () => {
    const { offer, show, match } = harness();
    show(10);
    expect(offer(10 + FRAME_DISTANCE.aheadMaxFrames + 1, 10)).toBe(true);
    expect(match.stats.method).toBe('newest');
  });

  it('FRAME-1 forgets everything at a new broadcast', () => {
    const { offer, show, match } = harness();
    show(5000);
    offer(5001, 5000);
    match.reset();
    expect(match.nextDue()).toBeUndefined();
    expect(offer(3, 5000)).toBe(false);
    expect(show(3)).toEqual([3]);
  });
});

describe('FRAME-11 a clock or a count that is wrong or was set', () => {
  const hour = 3_600_000;
  /** Frames at 30/s; a program names each by its time, `skew` ms wrong. Returns which messages are drawn. */
  function program() {
    const match = new FrameMatch();
    let number = 10;
    const drawn: string[] = [];
    const note = (due: readonly ShapesMessage[]) => {
      for (const { shapes } of due) drawn.push(shapes[0]?.type === 'label' ? shapes[0].text : '');
    };
    const frame = (): number => {
      number += 1;
      note(match.overdue(number * frameMs));
      note(match.frameShown(shown(number), number * frameMs));
      return number;
    };
    return {
      drawn,
      frame,
      /** A message for the frame on the screen. */
      send: (text: string, skew = 0) => {
        const sent = message({ capturedAt: EPOCH + number * frameMs + skew }, text);
        if (match.offer(sent, number * frameMs + 1)) note([sent]);
      },
      sendNumber: (text: string, away: number) => {
        const sent = message({ number: (number + away) >>> 0 }, text);
        if (match.offer(sent, number * frameMs + 1)) note([sent]);
      },
    };
  }

  test.each([
    ['an hour ahead', hour],
    ['a day ahead', 24 * hour],
    ['5 s ahead', 5_000],
    ['an hour behind', -hour],
    ['5 s behind', -5_000],
    ['half a century behind', -EPOCH],
  ])('one message %s does not stop the topic', (_name, skew) => {
    const { drawn, frame, send } = program();
    frame();
    send('before');
    frame();
    send('wrong', skew);
    frame();
    send('right');
    expect(drawn).toEqual(['before', 'wrong', 'right']);
  });

  test.each([1_500, 1_900])(
    'a message %i ms ahead waits, and never replaces a later one',
    (skew) => {
      const { drawn, frame, send } = program();
      frame();
      send('wrong', skew);
      for (let i = 0; i < 120; i += 1) {
        frame();
        send('right');
      }
      expect(drawn.filter((text) => text === 'right').length).toBeGreaterThan(115);
      expect(drawn.at(-1)).toBe('right');
    },
  );

  test.each([
    ['5 s back', -5_000],
    ['an hour back', -hour],
    ['a year on', 8_760 * hour],
  ])('a clock that is set %s is followed at once', (_name, step) => {
    const { drawn, frame, send } = program();
    for (let i = 0; i < 10; i += 1) {
      frame();
      send('before');
    }
    frame();
    send('after', step);
    expect(drawn.at(-1)).toBe('after');
  });

  it('a clock that is set back by a second stops the topic for a second', () => {
    const { drawn, frame, send } = program();
    frame();
    send('before');
    for (let i = 0; i * frameMs <= 1_000; i += 1) {
      frame();
      send('after', -1_000);
    }
    expect(drawn.filter((text) => text === 'after').length).toBeGreaterThan(0);
  });

  test.each([
    ['far ahead', 100_000],
    ['far behind', -100_000],
    ['of another count', 2 ** 31 - 1],
  ])('one number %s does not stop the topic', (_name, away) => {
    const { drawn, frame, sendNumber } = program();
    frame();
    sendNumber('wrong', away);
    frame();
    sendNumber('right', 0);
    expect(drawn).toEqual(['wrong', 'right']);
  });

  it('a message for a frame that never comes gives way to later ones that were drawn', () => {
    const { drawn, frame, sendNumber } = program();
    frame();
    sendNumber('wrong', 300);
    for (let i = 0; i < 100; i += 1) {
      frame();
      sendNumber('right', 0);
    }
    expect(drawn).not.toContain('wrong');
    expect(drawn).toHaveLength(100);
  });
});

describe('FRAME-12 a picture that is turned', () => {
  const numbers = (due: readonly ShapesMessage[]) => due.map(({ frame }) => frame?.number);

  it('data of frames before is not drawn any more, whether it waited or comes late', () => {
    const { match, offer, show, at } = harness();
    show(10);
    for (const number of [11, 12]) offer(number, 10);
    // 11 and 12 are lost; 13 is turned.
    expect(match.frameShown(shown(13), at(13), true)).toEqual([]);
    expect(offer(12, 13)).toBe(false);
    expect(offer(13, 13)).toBe(true);
    offer(14, 13);
    expect(show(14)).toEqual([14]);
  });

  it('data of the first turned frame is drawn with it', () => {
    const { match, offer, show, at } = harness();
    show(10);
    for (const number of [11, 12]) offer(number, 10);
    expect(numbers(match.frameShown(shown(12), at(12), true))).toEqual([12]);
  });

  it('the first turned frame is known by its tag when that comes', () => {
    const { match, offer, show, at } = harness();
    show(10);
    match.frameShown(untagged(13 * 3000 + 777), at(13), true);
    match.frameIdentified(shown(13), at(13) + 5);
    expect(offer(12, 13)).toBe(false);
    expect(offer(13, 13)).toBe(true);
  });

  it('a wrong clock hides nothing for long', () => {
    const { match, at } = harness();
    match.frameShown(shown(10), at(10));
    match.frameShown(shown(11), at(11), true);
    const hourAgo = message({ capturedAt: EPOCH - 3_600_000 });
    expect(match.offer(hourAgo, at(11))).toBe(true);
  });

  it('a new broadcast starts from nothing', () => {
    const { match, offer, show, at } = harness();
    match.frameShown(shown(100), at(100), true);
    match.reset();
    show(101);
    expect(offer(99, 101)).toBe(true);
  });
});

describe('a message without a frame', () => {
  it('FRAME-9 is drawn at once, and replaces waiting messages', () => {
    const { match, offer, show, at } = harness();
    show(10);
    offer(11, 10);
    expect(match.offer(message(undefined), at(10))).toBe(true);
    expect(show(11)).toEqual([]);
  });
});

describe('without tags', () => {
  it('FRAME-8 matches by the RTP timestamp, within 2 ms', () => {
    const match = new FrameMatch();
    match.frameShown(untagged(90_000), 0);
    for (const rtpTimestamp of [93_090, 96_000]) match.offer(message({ rtpTimestamp }), 1);
    const drawn = [93_000, 96_000].map((rtp, i) =>
      match.frameShown(untagged(rtp), 33 * (i + 1)).map(({ frame }) => frame?.rtpTimestamp),
    );
    expect(drawn).toEqual([[93_090], [96_000]]);
    expect(match.stats).toMatchObject({ method: 'rtp', exact: 2 });
  });

  it('FRAME-8 ignores an RTP timestamp of another clock', () => {
    const match = new FrameMatch();
    match.frameShown(untagged(2_000_000_000), 0);
    expect(match.offer(message({ rtpTimestamp: 1_000 }), 1)).toBe(true);
    expect(match.stats.method).toBe('newest');
  });

  it('FRAME-8 matches by the nearest capture time', () => {
    const match = new FrameMatch();
    const frame = (at: number) => ({ ...untagged(undefined), estimatedCapturedAt: EPOCH + at });
    match.frameShown(frame(0), 0);
    expect(match.offer(message({ capturedAt: EPOCH + 60 }), 1)).toBe(false);
    expect(match.frameShown(frame(33), 33)).toEqual([]);
    expect(match.frameShown(frame(66), 66)).toHaveLength(1);
    expect(match.stats).toMatchObject({ method: 'time', exact: 1 });
  });

  it('FRAME-8 data from ingest names a frame by its time, and the tag holds the time', () => {
    const { match, show, at } = harness();
    show(10);
    match.offer(message({ capturedAt: EPOCH + 12 * frameMs + 9 }), at(10));
    expect([show(11), show(12)].map((due) => due.length)).toEqual([0, 1]);
    expect(match.stats).toMatchObject({ method: 'time', exact: 1 });
  });

  it('FRAME-8 uses the newest frame where nothing can be compared', () => {
    const match = new FrameMatch();
    match.frameShown(untagged(undefined), 0);
    expect(match.offer(message({ number: 7 }), 1)).toBe(true);
    expect(match.stats.method).toBe('newest');
  });

  it.each(['rtp', 'time', 'newest'] as const)('can be limited to %s', (method) => {
    const match = new FrameMatch();
    match.limit(method);
    match.frameShown(shown(1), 0);
    const { rtpTimestamp = 0, tag } = shown(2);
    const frame = { number: 2, rtpTimestamp, capturedAt: tag?.capturedAt };
    match.offer(message(frame), 1);
    match.frameShown(shown(2), 33);
    expect(match.stats.method).toBe(method);
  });
});

describe('bounds', () => {
  it('FRAME-10 keeps a bounded number of messages of a topic, the newest', () => {
    const { offer, show, match } = harness();
    show(0);
    for (let number = 1; number <= MATCH.waitingMax + 5; number += 1) offer(number, 0);
    expect(match.stats.dropped).toBe(5);
    expect([show(5), show(6)]).toEqual([[], [6]]);
  });

  it('FRAME-10 keeps a bounded number of bytes of a topic', () => {
    const { match, show, at } = harness();
    show(0);
    const text = 'x'.repeat(MATCH.waitingMaxBytes / 4);
    for (let number = 1; number <= 6; number += 1) match.offer(message({ number }, text), at(0));
    expect(match.stats.dropped).toBe(3);
    expect([show(3), show(4)]).toEqual([[], [4]]);
  });

  it('FRAME-10 keeps a bounded number of topics, those with the latest messages', () => {
    const { match, show, at } = harness();
    show(0);
    for (let i = 0; i <= OVERLAY_MAX_TOPICS; i += 1) {
      match.offer(message({ number: 1 }, '', `t${i}`), at(0));
    }
    expect(match.stats.dropped).toBe(1);
    expect(match.frameShown(shown(1), at(1)).map(({ topic }) => topic)).not.toContain('t0');
  });
});
