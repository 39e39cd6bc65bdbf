import { describe, expect, it, test } from 'vitest';
import { LIMITS } from '#config/limits.ts';
import { OnecastError } from '#protocol/errors.ts';
import type { IngestMessage } from '#protocol/ingest.ts';
import { ProgramClock } from './program-clock.ts';

const NOW = Date.UTC(2026, 10, 28);
const minute = 60_000;
const hour = 60 * minute;

function clockAt(wall: number, monotonic = 1_000) {
  const clocks = { wall, monotonic };
  const clock = new ProgramClock(LIMITS, {
    wall: () => clocks.wall,
    monotonic: () => clocks.monotonic,
  });
  /** The refusal's sentence, or undefined. */
  const refusal = (message: IngestMessage) => {
    try {
      clock.capturedAt(message);
      return undefined;
    } catch (error) {
      return error instanceof OnecastError && error.code === 'clock-off' ? error.message : '?';
    }
  };
  return { clock, clocks, refusal };
}

const frame = (capturedAt: number): IngestMessage => ({
  keyed: false,
  message: { kind: 'shapes', topic: 't', shapes: [], frame: { capturedAt } },
});
const live = (capturedAt: number | undefined): IngestMessage => ({
  keyed: false,
  message: { kind: 'shapes', topic: 't', shapes: [], capturedAt },
});
const state = (capturedAt: number): IngestMessage => ({
  keyed: true,
  message: { kind: 'data', topic: 't', key: 'k', data: 1, capturedAt },
});

describe('INGEST-6 the clock of a program', () => {
  test.each([
    ['now', frame(NOW)],
    ['a few seconds ahead', frame(NOW + 9_000)],
    ['a slow model', frame(NOW - 50_000)],
    ['no time', live(undefined)],
    ['state of yesterday', state(NOW - 24 * hour)],
  ])('is near enough: %s', (_name, message) => {
    expect(clockAt(NOW).refusal(message)).toBeUndefined();
  });

  test.each([
    ['an hour ahead', frame(NOW + hour), /^frame\.capturedAt is 60 minutes ahead of/],
    ['11 s ahead', live(NOW + 11_000), /^capturedAt is 11 seconds ahead of/],
    ['a frame of two hours ago', frame(NOW - 2 * hour), /^frame\.capturedAt is 2 hours behind/],
    ['state of the future', state(NOW + 72 * hour), /^capturedAt is 3 days ahead of/],
    ['the time since the machine started', frame(123_456), /days behind/],
  ])('is refused, and how far it is off is said: %s', (_name, message, sentence) => {
    const refusal = clockAt(NOW).refusal(message);
    expect(refusal).toMatch(sentence);
    expect(refusal).toContain('milliseconds since 1970');
  });

  it('state may be as old as it says, any other message is taken for two days old at most', () => {
    const { clock } = clockAt(NOW);
    expect(clock.capturedAt(live(undefined))).toBe(NOW);
    expect(clock.capturedAt(live(NOW - hour))).toBe(NOW - hour);
    expect(clock.capturedAt(live(1))).toBe(NOW - LIMITS.ingestAgeMaxMs);
    expect(clock.capturedAt(state(1))).toBe(1);
  });

  it('may share the wrong clock of the publisher’s page, which runs on the same machine', () => {
    const { clock, clocks, refusal } = clockAt(NOW);
    clock.publisherClockIs(NOW - 5 * hour);
    clocks.wall += 10 * minute;
    clocks.monotonic += 10 * minute;
    expect(refusal(frame(NOW + 10 * minute - 5 * hour))).toBeUndefined();
    // Nor is a right clock wrong because the publisher's is.
    expect(refusal(frame(NOW + 10 * minute))).toBeUndefined();
    expect(refusal(frame(NOW + hour))).toMatch(/50 minutes ahead/);
  });

  it('stays right when the server’s own clock is set', () => {
    const { clock, clocks, refusal } = clockAt(NOW);
    clock.publisherClockIs(NOW);
    clocks.wall += 24 * hour;
    expect(refusal(frame(NOW))).toBeUndefined();
  });
});
