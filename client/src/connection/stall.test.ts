import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  beginStall,
  type FlowSample,
  isFlowing,
  type Remedy,
  STALL,
  type StallState,
  stepStall,
} from './stall.ts';

const TICK_MS = 250;

/** A viewer's counters, sampled four times a second. */
class Line {
  sample: FlowSample = { now: 0, frames: 100, packets: 1_000, line: 5_000 };
  state: StallState = beginStall(this.sample);
  readonly remedies: (readonly [ms: number, remedy: Remedy])[] = [];
  #since = 0;

  /** Runs for `ms`; the named counters rise at every sample. */
  run(ms: number, ...rising: readonly ('frames' | 'packets' | 'line')[]): this {
    for (let t = 0; t < ms; t += TICK_MS) {
      const { now, frames, packets, line } = this.sample;
      this.#step({
        now: now + TICK_MS,
        frames: frames + (rising.includes('frames') ? 8 : 0),
        packets: packets + (rising.includes('packets') ? 30 : 0),
        line: line + (rising.includes('line') ? 30 : 0),
      });
    }
    return this;
  }

  /** From here on times are counted anew. */
  mark(): this {
    this.#since = this.sample.now;
    this.remedies.length = 0;
    return this;
  }

  /** A new transport or consumer: its counters start from 0. */
  reset(...counters: readonly ('frames' | 'packets' | 'line')[]): this {
    const zeros = Object.fromEntries(counters.map((name) => [name, 0]));
    this.#step({ ...this.sample, ...zeros, now: this.sample.now + TICK_MS });
    return this;
  }

  /** While nothing is expected: the publisher is away, or the transport is being renewed. */
  expectNothing(ms: number): this {
    for (let t = 0; t < ms; t += TICK_MS) {
      this.sample = { ...this.sample, now: this.sample.now + TICK_MS };
      this.state = beginStall(this.sample, this.state);
    }
    return this;
  }

  #step(sample: FlowSample): void {
    const { state, remedy } = stepStall(this.state, sample);
    this.sample = sample;
    this.state = state;
    if (remedy) this.remedies.push([sample.now - this.#since, remedy]);
  }
}

const flowing = () => new Line().run(5_000, 'frames', 'packets', 'line').mark();

describe('stepStall', () => {
  it('CONN-11 a picture that moves needs no remedy', () => {
    expect(flowing().run(60_000, 'frames', 'packets', 'line').remedies).toEqual([]);
  });

  it('CONN-11 packets without frames: key frame, new consumers, new transport', () => {
    expect(flowing().run(30_000, 'packets', 'line').remedies).toEqual([
      [STALL.rungsMs[0], 'key-frame'],
      [STALL.rungsMs[1], 'new-consumers'],
      [STALL.rungsMs[2], 'new-transport'],
    ]);
  });

  it('CONN-11 a frame starts the ladder from the front', () => {
    const line = flowing().run(4_000, 'packets', 'line');
    expect(line.remedies).toHaveLength(1);
    line.run(TICK_MS, 'frames', 'packets', 'line').mark().run(4_000, 'packets', 'line');
    expect(line.remedies).toEqual([[3_000, 'key-frame']]);
  });

  it('CONN-11 silence on a line that was running: ICE restart, at once', () => {
    const line = flowing().run(1_500);
    expect(line.remedies).toEqual([[1_000, 'restart-ice']]);
  });

  it('CONN-11 silence that lasts: ICE is restarted again, with patience', () => {
    expect(flowing().run(12_000).remedies).toEqual([
      [1_000, 'restart-ice'],
      [6_000, 'restart-ice'],
      [11_000, 'restart-ice'],
    ]);
  });

  it('CONN-11 a shared screen that does not change is no stall: only ICE checks come', () => {
    const line = flowing();
    for (let i = 0; i < 20; i += 1) line.run(2_250).run(TICK_MS, 'line');
    // The first gap looks like a line that died while it was running.
    expect(line.remedies.filter(([ms]) => ms > 2_500)).toEqual([]);
  });

  it('CONN-11 silence of such a line is seen too', () => {
    const line = flowing();
    for (let i = 0; i < 4; i += 1) line.run(1_000, 'line');
    expect(line.mark().run(5_000).remedies).toEqual([[5_000, 'restart-ice']]);
  });

  it('CONN-11 counters of a new transport start from 0: that is life, not a stall', () => {
    const line = flowing().run(2_000, 'packets', 'line').reset('frames', 'packets', 'line').mark();
    expect(line.run(2_500, 'packets', 'line').remedies).toEqual([]);
    expect(line.run(1_000, 'packets', 'line').remedies).toEqual([[3_000, 'key-frame']]);
  });

  it('CONN-11 no packets, no key frame asked for: nobody could answer', () => {
    const line = flowing();
    for (let i = 0; i < 60; i += 1) line.run(500, 'line');
    expect(line.remedies).toEqual([]);
  });

  it('CONN-11 a picture that is expected again has the whole ladder before it', () => {
    const line = flowing().run(250, 'line').expectNothing(20_000).mark();
    expect(line.state.frameAt).toBe(5_000);
    expect(line.run(10_000, 'packets', 'line').remedies).toEqual([
      [3_000, 'key-frame'],
      [5_000, 'new-consumers'],
      [8_000, 'new-transport'],
    ]);
  });

  it('CONN-11 whatever the counters do: a rung at most once until a frame comes, never two at once', () => {
    const kinds = fc.constantFrom<readonly ('frames' | 'packets' | 'line')[]>(
      [],
      ['line'],
      ['packets', 'line'],
      ['frames', 'packets', 'line'],
    );
    fc.assert(
      fc.property(fc.array(kinds, { maxLength: 200 }), (ticks) => {
        const line = flowing();
        let tried: Remedy[] = [];
        for (const rising of ticks) {
          line.mark().run(TICK_MS, ...rising);
          if (rising.includes('frames')) tried = [];
          tried.push(...line.remedies.map(([, remedy]) => remedy));
          const rungs = tried.filter((remedy) => remedy !== 'restart-ice');
          expect(rungs).toEqual(
            ['key-frame', 'new-consumers', 'new-transport'].slice(0, rungs.length),
          );
        }
      }),
    );
  });
});

describe('CONN-11 a picture that never began, on a line that is alive', () => {
  it('takes every rung, once', () => {
    const line = new Line().reset('frames', 'packets');
    line.mark().run(20_000, 'line');
    expect(line.remedies.map(([, remedy]) => remedy)).toEqual([
      'key-frame',
      'new-consumers',
      'new-transport',
    ]);
  });
});

describe('CONN-11 UI-1 a picture that is slow by itself, such as a screen that does not change', () => {
  /** One frame a second for `seconds`; in between nothing at all arrives. */
  function still(line: Line, seconds: number): boolean[] {
    const flowing: boolean[] = [];
    for (let i = 0; i < seconds; i += 1) {
      for (let quarter = 0; quarter < 4; quarter += 1) {
        if (quarter === 3) line.run(TICK_MS, 'frames', 'packets', 'line');
        else line.run(TICK_MS);
        flowing.push(isFlowing(line.state));
      }
    }
    return flowing;
  }

  it('is neither called frozen nor mended', () => {
    const line = new Line().run(3_000, 'frames', 'packets', 'line');
    still(line, 3);
    line.mark();
    expect(still(line, 10)).not.toContain(false);
    expect(line.remedies).toEqual([]);
  });

  it('is known to be frozen when it really is, only later', () => {
    const line = new Line().run(3_000, 'frames', 'packets', 'line');
    still(line, 10);
    line.mark().run(STALL.flowingMaxMs);
    expect(isFlowing(line.state)).toBe(false);
    expect(line.remedies.map(([, remedy]) => remedy)).toEqual(['restart-ice']);
  });

  it('a camera is called frozen after a second', () => {
    const line = new Line().run(5_000, 'frames', 'packets', 'line');
    expect(isFlowing(line.run(STALL.flowingMs - TICK_MS).state)).toBe(true);
    expect(isFlowing(line.run(TICK_MS).state)).toBe(false);
  });
});
