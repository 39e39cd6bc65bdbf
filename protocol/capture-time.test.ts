import { describe, expect, it, test } from 'vitest';
import * as v from 'valibot';
import { captureTimeFault, CaptureTimeSchema } from './capture-time.ts';
import { parseIngestMessage } from './ingest.ts';
import { parseOverlayMessage } from './overlay.ts';

const NOW = Date.UTC(2026, 10, 28);

describe('OVL-8 a time is in ms since 1970', () => {
  test.each([NOW, NOW + 0.25, 0, 1, Date.UTC(1999, 0), Date.UTC(2100, 0)])(
    '%d may be one',
    (time) => {
      expect(captureTimeFault(time)).toBeUndefined();
    },
  );

  test.each([
    [NOW / 1_000, 'in seconds'],
    [Date.UTC(2000, 0) / 1_000, 'in seconds'],
    [Date.UTC(2150, 0) / 1_000, 'in seconds'],
    [NOW * 1_000, 'in microseconds'],
    [NOW * 1e6, 'in nanoseconds'],
    [-1, 'before 1970'],
    [1e300, 'none'],
    [Infinity, 'none'],
    [NaN, 'none'],
  ])('%d is refused, and the unit is named', (time, reason) => {
    expect(captureTimeFault(time)).toContain('milliseconds since 1970');
    expect(captureTimeFault(time)).toContain(reason);
  });

  it('anything but a number is refused with the unit too', () => {
    for (const time of ['2026-11-28', String(NOW), null, [], true]) {
      const { issues } = v.safeParse(CaptureTimeSchema, time);
      expect(issues?.[0].message).toContain('milliseconds since 1970');
    }
  });

  const box = { kind: 'shapes', topic: 't', shapes: [] };
  test.each([
    ['capturedAt', { ...box, capturedAt: NOW / 1_000 }],
    ['frame.capturedAt', { ...box, frame: { capturedAt: NOW / 1_000 } }],
    ['capturedAt', { kind: 'data', topic: 't', key: 'k', data: 1, capturedAt: NOW * 1_000 }],
  ])('a program learns the field and the unit: %s', (field, message) => {
    expect(parseIngestMessage(message)).toMatchObject({
      problem: expect.stringMatching(new RegExp(`^${field}: .*milliseconds since 1970.*seconds$`)),
    });
  });

  test.each([NOW / 1_000, -1, 1e300])(
    'the page’s data channel is held to it as well: %d',
    (time) => {
      const parse = (times: object) =>
        parseOverlayMessage(JSON.stringify({ ...box, seq: 1, capturedAt: NOW, ...times }));
      expect(parse({})).toBeDefined();
      expect(parse({ capturedAt: time })).toBeUndefined();
      expect(parse({ frame: { capturedAt: time } })).toBeUndefined();
    },
  );
});
