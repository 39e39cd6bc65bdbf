import * as v from 'valibot';
import { ResultSchema } from '#protocol/result.ts';
import { PROBE_PATH } from '#protocol/signalling.ts';
import type { ServerReach } from './diagnosis.ts';

/** A server answers within a round trip; a page that waits wants to know soon. */
const DEADLINE_MS = 3_000;

/**
 * Asks the server by plain HTTP whether it accepts this page. A POST, because browsers send `Origin` with
 * it. Never rejects.
 */
export async function probeServer(closed: AbortSignal): Promise<ServerReach> {
  let response: Response;
  try {
    response = await fetch(PROBE_PATH, {
      method: 'POST',
      cache: 'no-store',
      signal: AbortSignal.any([closed, AbortSignal.timeout(DEADLINE_MS)]),
    });
  } catch {
    return { kind: 'silent' };
  }
  try {
    const result = v.parse(ResultSchema, await response.json());
    if (result.ok) return { kind: 'answers' };
    return { kind: 'refuses', code: result.code, message: result.message };
  } catch {
    return { kind: 'foreign', status: response.status };
  }
}
