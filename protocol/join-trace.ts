/** How long one join took, as the viewer's page measured it. The page shows it and reports it once. */
import * as v from 'valibot';

/**
 * In the order in which they usually happen:
 * - `asked`    the page sent the request to join
 * - `answered` the page received the answer
 * - `set-up`   the page's consumers were created
 * - `ice`      ICE found a path
 * - `dtls`     the transport was connected
 * - `packet`   the first video packet arrived
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

/** How the request was sent: `ahead`, by HTTP before the socket was open, or on the `socket`. */
export const JOIN_WAYS = ['ahead', 'socket'] as const;

/** A longer time is not a join any more but a wait for something else, so it is not reported. */
export const JOIN_TRACE_MAX_MS = 60_000;

/** ms */
const at = v.pipe(v.number(), v.minValue(0), v.maxValue(JOIN_TRACE_MAX_MS));

/** Sent by a viewer's page. Every time is in ms from the start of the page's script. */
export const JoinTraceSchema = v.strictObject({
  way: v.picklist(JOIN_WAYS),
  steps: v.strictObject({
    asked: at,
    answered: at,
    'set-up': at,
    // Not every browser shows these steps.
    ice: v.optional(at),
    dtls: v.optional(at),
    packet: v.optional(at),
    frame: at,
  }),
});
export type JoinTrace = v.InferOutput<typeof JoinTraceSchema>;
