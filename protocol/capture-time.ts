/** Times at which frames were captured: ms since 1970. */
import * as v from 'valibot';

/** A frame tag stores the time in six bytes: until the year 10889. */
const MAX_TIME_MS = 2 ** 48 - 1;

/** In seconds these are the years 1995 to 2223; in ms they are days of early 1970. */
const SECONDS = { from: 8e8, to: 8e9 } as const;
const MICROSECONDS_TO = 1e17;
const NANOSECONDS_TO = 1e20;

/** Why `value` is no time in ms since 1970; undefined where it may be one. */
export function captureTimeFault(value: number): string | undefined {
  const unit = 'a time is in milliseconds since 1970';
  if (value >= 0 && value <= MAX_TIME_MS) {
    const isSeconds = value >= SECONDS.from && value < SECONDS.to;
    return isSeconds ? `${unit}, and this one seems to be in seconds` : undefined;
  }
  if (value < 0) return `${unit}, and this one is before 1970`;
  if (value < MICROSECONDS_TO) return `${unit}, and this one seems to be in microseconds`;
  if (value < NANOSECONDS_TO) return `${unit}, and this one seems to be in nanoseconds`;
  return `${unit}, and this is none`;
}

/** ms since 1970. The refusal of any other number names the unit. */
export const CaptureTimeSchema = v.pipe(
  v.number('a time is a number, in milliseconds since 1970'),
  v.check(
    (value) => captureTimeFault(value) === undefined,
    ({ input }) => captureTimeFault(input) ?? '',
  ),
);
