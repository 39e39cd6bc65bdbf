/** How long one join took, as the viewer's page saw it: shown there, told to the server once. */
import * as v from 'valibot';

/**
 * In the order in which they are usually reached:
 * - `asked`    the request to join left the page
 * - `answered` its answer was there
 * - `set-up`   the page's side of the media was made
 * - `ice`      a path was found
 * - `dtls`     the transport was connected
 * - `packet`   the first packet of the picture came
 * - `frame`    the first frame was shown
 */
export const JOIN_STEPS = [
  'asked',
  'answered',
  'set-up',
  'ice',
  'dtls',
  'packet',
  'frame',
] as const;
export type JoinStep = (typeof JOIN_STEPS)[number];

/** `ahead`: over HTTP before the socket was there. */
export const JOIN_WAYS = ['ahead', 'socket'] as const;

/** What takes longer is no join any more, but a wait for something else. */
export const JOIN_TRACE_MAX_MS = 60_000;

/** ms from the start of the page's script. */
const at = v.pipe(v.number(), v.minValue(0), v.maxValue(JOIN_TRACE_MAX_MS));

export const JoinTraceSchema = v.strictObject({
  way: v.picklist(JOIN_WAYS),
  steps: v.strictObject({
    asked: at,
    answered: at,
    'set-up': at,
    // Not every browser tells of these.
    ice: v.optional(at),
    dtls: v.optional(at),
    packet: v.optional(at),
    frame: at,
  }),
});
export type JoinTrace = v.InferOutput<typeof JoinTraceSchema>;
