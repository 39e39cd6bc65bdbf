import type { FlowSample } from '../media/stats.ts';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { beginStall, isFlowing, type Remedy, STALL, type StallState, stepStall } from './stall.ts';

const TICK_MS = 250;

/** The counters of a viewer, sampled four times a second. */
class SimulatedVideo {
  sample: FlowSample = { now: 0, frames: 100, packets: 1_000, arrivals: 5_000 };
  state: StallState = beginStall(this.sample);
  readonly remedies: (readonly [ms: number, remedy: Remedy])[] = [];
  #since = 0;
  readonly #keyFrameIntervalMs: number | undefined;

  constructor(keyFrameIntervalMs?: number) {
    this.#keyFrameIntervalMs = keyFrameIntervalMs;
  }

  /** Runs for `ms`; the named counters rise at every sample. */
  run(ms: number, ...rising: readonly ('frames' | 'packets' | 'arrivals')[]): this {
    for (let t = 0; t < ms; t += TICK_MS) {
      const { now, frames, packets, arrivals } = this.sample;
      this.#step({
        now: now + TICK_MS,
        frames: frames + (rising.includes('frames') ? 8 : 0),
        packets: packets + (rising.includes('packets') ? 30 : 0),
        arrivals: arrivals + (rising.includes('arrivals') ? 30 : 0),
      });
    }
    return this;
  }

  /** Later times count from here. */
  mark(): this {
    this.#since = this.sample.now;
    this.remedies.length = 0;
    return this;
  }

  /** A new transport or consumer: its counters start from 0. */
  reset(...counters: readonly ('frames' | 'packets' | 'arrivals')[]): this {
    const zeros = Object.fromEntries(counters.map((name) => [name, 0]));
    this.#step({ ...this.sample, ...zeros, now: this.sample.now + TICK_MS });
    return this;
  }

  /** No video is expected: the publisher is away, or the transport is being renewed. */
  expectNothing(ms: number): this {
    for (let t = 0; t < ms; t += TICK_MS) {
      this.sample = { ...this.sample, now: this.sample.now + TICK_MS };
      this.state = beginStall(this.sample, this.state);
    }
    return this;
  }

  #step(sample: FlowSample): void {
    const { state, remedy } = stepStall(this.state, sample, this.#keyFrameIntervalMs);
    this.sample = sample;
    this.state = state;
    if (remedy) this.remedies.push([sample.now - this.#since, remedy]);
  }
}

const flowing = () => new SimulatedVideo().run(5_000, 'frames', 'packets', 'arrivals').mark();

describe('stepStall', () => {
  it('WHIP-6 waits for the next key frame of an encoder that sends none on request', () => {
    const video = new SimulatedVideo(8_300).reset('frames').run(9_000, 'packets', 'arrivals');
    expect(video.remedies).toEqual([]);
    video.run(11_000, 'packets', 'arrivals');
    expect(video.remedies.map(([, remedy]) => remedy)).toEqual([
      'key-frame',
      'new-consumers',
      'new-transport',
    ]);
    // A path that is dead is repaired at once.
    const silent = new SimulatedVideo(8_300).run(5_000, 'frames', 'packets', 'arrivals').mark();
    expect(silent.run(1_500).remedies[0]?.[1]).toBe('restart-ice');
  });

  it('CONN-11 a video that flows needs no remedy', () => {
    expect(flowing().run(60_000, 'frames', 'packets', 'arrivals').remedies).toEqual([]);
  });

  it('CONN-11 packets without frames: key frame, new consumers, new transport', () => {
    expect(flowing().run(30_000, 'packets', 'arrivals').remedies).toEqual([
      [STALL.remediesMs[0], 'key-frame'],
      [STALL.remediesMs[1], 'new-consumers'],
      [STALL.remediesMs[2], 'new-transport'],
    ]);
  });

  it('CONN-11 after a frame the remedies start again from the first one', () => {
    const video = flowing().run(4_000, 'packets', 'arrivals');
    expect(video.remedies).toHaveLength(1);
    video.run(TICK_MS, 'frames', 'packets', 'arrivals').mark().run(4_000, 'packets', 'arrivals');
    expect(video.remedies).toEqual([[3_000, 'key-frame']]);
  });

  it('CONN-11 silence while the video was running: ICE restart, at once', () => {
    const video = flowing().run(1_500);
    expect(video.remedies).toEqual([[1_000, 'restart-ice']]);
  });

  it('CONN-11 silence that lasts: ICE is restarted again, at longer intervals', () => {
    expect(flowing().run(12_000).remedies).toEqual([
      [1_000, 'restart-ice'],
      [6_000, 'restart-ice'],
      [11_000, 'restart-ice'],
    ]);
  });

  it('CONN-11 a shared screen that does not change is no stall: only ICE checks come', () => {
    const video = flowing();
    for (let i = 0; i < 20; i += 1) video.run(2_250).run(TICK_MS, 'arrivals');
    // The first gap looks like a path that died while the video was running.
    expect(video.remedies.filter(([ms]) => ms > 2_500)).toEqual([]);
  });

  it('CONN-11 silence is detected while a shared screen does not change, too', () => {
    const video = flowing();
    for (let i = 0; i < 4; i += 1) video.run(1_000, 'arrivals');
    expect(video.mark().run(5_000).remedies).toEqual([[5_000, 'restart-ice']]);
  });

  it('CONN-11 counters of a new transport start from 0: that is no stall', () => {
    const video = flowing()
      .run(2_000, 'packets', 'arrivals')
      .reset('frames', 'packets', 'arrivals')
      .mark();
    expect(video.run(2_500, 'packets', 'arrivals').remedies).toEqual([]);
    expect(video.run(1_000, 'packets', 'arrivals').remedies).toEqual([[3_000, 'key-frame']]);
  });

  it('CONN-11 no packets, no request for a key frame: no publisher could answer', () => {
    const video = flowing();
    for (let i = 0; i < 60; i += 1) video.run(500, 'arrivals');
    expect(video.remedies).toEqual([]);
  });

  it('CONN-11 when video is expected again, the remedies start from the first one', () => {
    const video = flowing().run(250, 'arrivals').expectNothing(20_000).mark();
    expect(video.state.frameAt).toBe(5_000);
    expect(video.run(10_000, 'packets', 'arrivals').remedies).toEqual([
      [3_000, 'key-frame'],
      [5_000, 'new-consumers'],
      [8_000, 'new-transport'],
    ]);
  });

  it('CONN-11 with any counters: each remedy at most once until a frame arrives, never two at once', () => {
    const kinds = fc.constantFrom<readonly ('frames' | 'packets' | 'arrivals')[]>(
      [],
      ['arrivals'],
      ['packets', 'arrivals'],
      ['frames', 'packets', 'arrivals'],
    );
    fc.assert(
      fc.property(fc.array(kinds, { maxLength: 200 }), (ticks) => {
        const video = flowing();
        let tried: Remedy[] = [];
        for (const rising of ticks) {
          video.mark().run(TICK_MS, ...rising);
          if (rising.includes('frames')) tried = [];
          tried.push(...video.remedies.map(([, remedy]) => remedy));
          const remedies = tried.filter((remedy) => remedy !== 'restart-ice');
          expect(remedies).toEqual(
            ['key-frame', 'new-consumers', 'new-transport'].slice(0, remedies.length),
          );
        }
      }),
    );
  });
});

describe('CONN-11 a video that never began, on a path that works', () => {
  it('applies each remedy once', () => {
    const video = new SimulatedVideo().reset('frames', 'packets');
    video.mark().run(20_000, 'arrivals');
    expect(video.remedies.map(([, remedy]) => remedy)).toEqual([
      'key-frame',
      'new-consumers',
      'new-transport',
    ]);
  });
});

describe('CONN-11 UI-1 a video with a slow pace, such as a screen that does not change', () => {
  /** One frame a second for `seconds`; in between nothing arrives. */
  function still(video: SimulatedVideo, seconds: number): boolean[] {
    const flowing: boolean[] = [];
    for (let i = 0; i < seconds; i += 1) {
      for (let quarter = 0; quarter < 4; quarter += 1) {
        if (quarter === 3) video.run(TICK_MS, 'frames', 'packets', 'arrivals');
        else video.run(TICK_MS);
        flowing.push(isFlowing(video.state));
      }
    }
    return flowing;
  }

  it('does not count as stalled, and gets no remedy', () => {
    const video = new SimulatedVideo().run(3_000, 'frames', 'packets', 'arrivals');
    still(video, 3);
    video.mark();
    expect(still(video, 10)).not.toContain(false);
    expect(video.remedies).toEqual([]);
  });

  it('counts as stalled when it is, only later', () => {
    const video = new SimulatedVideo().run(3_000, 'frames', 'packets', 'arrivals');
    still(video, 10);
    video.mark().run(STALL.flowingMaxMs);
    expect(isFlowing(video.state)).toBe(false);
    expect(video.remedies.map(([, remedy]) => remedy)).toEqual(['restart-ice']);
  });

  it('a camera counts as stalled after a second', () => {
    const video = new SimulatedVideo().run(5_000, 'frames', 'packets', 'arrivals');
    expect(isFlowing(video.run(STALL.flowingMs - TICK_MS).state)).toBe(true);
    expect(isFlowing(video.run(TICK_MS).state)).toBe(false);
  });
});
