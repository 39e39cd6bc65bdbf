import * as v from 'valibot';
import { OnecastError } from '#protocol/errors.ts';
import { ResultSchema } from '#protocol/result.ts';
import { ANSWERS, type AnswerOf, JOIN_PATH } from '#protocol/signalling.ts';
import { newRequestId, type Outgoing } from '../connection/signal-client.ts';

/** Past this the socket is there and may as well ask. */
const DEADLINE_MS = 2_500;

/**
 * Joins over the connection that has just brought the page, while the socket is still on its way.
 * @throws OnecastError where it is refused; Error where no answer comes.
 */
export async function joinAhead(
  request: Outgoing<'join'>,
  closed: AbortSignal,
): Promise<AnswerOf<'join'>> {
  const response = await fetch(JOIN_PATH, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ requestId: newRequestId(), ...request }),
    signal: AbortSignal.any([closed, AbortSignal.timeout(DEADLINE_MS)]),
  });
  const answer: unknown = await response.json();
  const result = v.parse(ResultSchema, answer);
  if (!result.ok) throw new OnecastError(result.code, result.message);
  return v.parse(ANSWERS.join, result.value);
}

/** The page's side of a transport that is not there yet. */
export interface OwnSide {
  readonly certificate: RTCCertificate;
  readonly dtlsParameters: {
    readonly role: 'client';
    readonly fingerprints: readonly { readonly algorithm: string; readonly value: string }[];
  };
}

/** undefined where the browser does not tell a certificate's fingerprints beforehand. */
export async function makeOwnSide(): Promise<OwnSide | undefined> {
  const algorithm: EcKeyGenParams = { name: 'ECDSA', namedCurve: 'P-256' };
  const certificate = await RTCPeerConnection.generateCertificate(algorithm);
  // Absent in some browsers, whatever the types say.
  if (typeof certificate.getFingerprints !== 'function') return undefined;
  const fingerprints = certificate
    .getFingerprints()
    .flatMap(({ algorithm, value }) =>
      algorithm === undefined || value === undefined
        ? []
        : [{ algorithm, value: value.toUpperCase() }],
    );
  if (fingerprints.length === 0) return undefined;
  return { certificate, dtlsParameters: { role: 'client', fingerprints } };
}
