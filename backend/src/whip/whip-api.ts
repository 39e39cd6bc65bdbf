/**
 * WHIP (RFC 9725): encoders such as OBS, FFmpeg and GStreamer publish with one HTTP request.
 *
 * - `POST /whip/<room>`: SDP offer in, SDP answer out. The bearer is the room's publisherSecret, or a
 *   publisher's token. A further POST takes the room over, as a publisher's page does.
 * - `/whip/<room>/<session>`: `PATCH` (ICE), `DELETE` (the broadcast is over), `GET` (its state as JSON).
 *
 * Pages of any origin may call it: nothing here depends on cookies, only on the bearer.
 */
import { STATUS_CODES } from 'node:http';
import type { IncomingMessage } from 'node:http';
import express, { type ErrorRequestHandler, type Request, type Response, Router } from 'express';
import type { types as client } from 'mediasoup-client';
import * as v from 'valibot';
import type { Limits } from '#config/limits.ts';
import { offeredCandidates } from '#config/media.ts';
import { ERRORS, OnecastError } from '#protocol/errors.ts';
import { type RoomId, RoomIdSchema } from '#protocol/ids.ts';
import { bearerOf, refusalOf, statusOf } from '../http/refusals.ts';
import { restartIce } from '../media/mediasoup-calls.ts';
import type { types } from '../media/types.ts';
import type { Log } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { RoomAdmission } from '../rooms/room-admission.ts';
import { readOffer } from './offer.ts';
import { type EndedSession, type WhipSession, WhipSessions } from './sessions.ts';

const ENDPOINT = '/whip/:room';
const SESSION = '/whip/:room/:session';
const SDP = 'application/sdp';
const FRAGMENT = 'application/trickle-ice-sdpfrag';
const METHODS = {
  endpoint: 'POST, GET, HEAD, OPTIONS',
  session: 'PATCH, DELETE, GET, HEAD, OPTIONS',
} as const;

export interface WhipApiParts {
  readonly admission: RoomAdmission;
  readonly routerRtpCapabilities: client.RtpCapabilities;
  readonly limits: Limits;
  readonly log: Log;
  readonly metrics: Metrics;
  /** The address that limits count a request against. */
  addressOf(request: IncomingMessage): string;
}

export function whipApi(parts: WhipApiParts): Router {
  const { admission, limits, log, metrics } = parts;
  const sessions = new WhipSessions(limits.endedEncodersMax);
  const router = Router();
  const body = (type: string) =>
    express.text({ type, limit: limits.signalMaxBytes, inflate: false });

  router.use('/whip', (_request, response, next) => {
    response.set({
      'Access-Control-Allow-Origin': '*',
      'Access-Control-Expose-Headers': 'Location, ETag, Link, Accept-Post, Retry-After',
      'Cache-Control': 'no-store',
    });
    next();
  });

  router.options([ENDPOINT, SESSION], (request, response) => {
    const isSession = request.params['session'] !== undefined;
    response
      .status(204)
      .set({
        'Access-Control-Allow-Methods': isSession ? METHODS.session : METHODS.endpoint,
        'Access-Control-Allow-Headers': 'Authorization, Content-Type, If-Match',
        'Access-Control-Max-Age': '86400',
        'Accept-Post': SDP,
      })
      .end();
  });

  router.post(ENDPOINT, body(SDP), async (request, response) => {
    const room = roomOf(request);
    const bearer = bearerOf(request);
    if (bearer === undefined) throw new OnecastError('authority-missing');
    const offer = readOffer(textOf(request, SDP), {
      routerRtpCapabilities: parts.routerRtpCapabilities,
      userAgent: request.get('user-agent') ?? '',
    });
    const address = parts.addressOf(request);
    const { publisher, transport } = await admission.publishOffer({ room, bearer, address, offer });
    const id = sessions.add({ room, publisher, iceUfrag: offer.iceUfrag }, bearer);
    // OBS accepts nothing but 201, and FFmpeg no answer in chunks: a Buffer gets a Content-Length.
    response
      .status(201)
      .set({
        Location: `/whip/${room}/${id}`,
        ETag: etagOf(transport.iceParameters),
        'Content-Type': SDP,
      })
      .send(Buffer.from(offer.answer(transport)));
  });
  // RFC 9725 keeps GET and HEAD of the endpoint for later use.
  router.get(ENDPOINT, (request, response) => {
    roomOf(request);
    response.status(204).end();
  });

  router.patch(SESSION, body(FRAGMENT), async (request, response) => {
    const session = openSession(findSession(request));
    const fragment = textOf(request, FRAGMENT);
    const ifMatch = request.get('if-match');
    if (ifMatch === undefined) throw new PreconditionError(428, 'If-Match is missing.');
    await session.publisher.session.exclusive(async () => {
      const transport = session.publisher.session.transport();
      const iceUfrag = /^a=ice-ufrag:(\S+)/m.exec(fragment)?.[1];
      const restarts = ifMatch === '*' && iceUfrag !== undefined && iceUfrag !== session.iceUfrag;
      if (!restarts) {
        if (ifMatch !== '*' && ifMatch !== etagOf(transport.iceParameters)) {
          throw new PreconditionError(412, 'If-Match names another ICE session.');
        }
        // The encoder's candidates are not needed: it is the one that connects.
        response.status(204).end();
        return;
      }
      const iceParameters = await restartIce(transport);
      session.iceUfrag = iceUfrag;
      response
        .status(200)
        .set({ ETag: etagOf(iceParameters), 'Content-Type': FRAGMENT })
        .send(
          Buffer.from(
            restartFragment(fragment, iceParameters, offeredCandidates(transport.iceCandidates)),
          ),
        );
    });
  });
  router.delete(SESSION, (request, response) => {
    const found = findSession(request);
    // OBS takes 204 for a failure.
    if ('publisher' in found) found.publisher.session.close('ended');
    response.status(200).end();
  });
  router.get(SESSION, (request, response) => {
    response.json(stateOf(findSession(request)));
  });

  router.all(ENDPOINT, (_request, response) => notAllowed(response, METHODS.endpoint));
  router.all(SESSION, (_request, response) => notAllowed(response, METHODS.session));

  function findSession(request: Request): WhipSession | EndedSession {
    const { session } = request.params;
    return sessions.find(roomOf(request), String(session), bearerOf(request));
  }

  router.use('/whip', ((error, _request, response, _next) => {
    if (response.headersSent) {
      response.end();
      return;
    }
    if (error instanceof PreconditionError) {
      problem(response, error.status, 'bad-request', error.message);
      return;
    }
    const refusal = refusalOf(error);
    if (!refusal) log.error({ err: error }, 'WHIP request failed');
    const { code, message } = refusal ?? new OnecastError('internal');
    if (refusal) log.info({ request: 'whip', code }, 'refused');
    metrics.refused(code);
    if (code === 'authority-missing') response.set('WWW-Authenticate', 'Bearer realm="onecast"');
    if (ERRORS[code].retry === 'later') response.set('Retry-After', '1');
    problem(response, statusOf(code), code, message);
  }) satisfies ErrorRequestHandler);
  return router;
}

/** A PATCH for another state of the ICE session than the present one. */
class PreconditionError extends Error {
  readonly status: 412 | 428;

  constructor(status: 412 | 428, message: string) {
    super(message);
    this.status = status;
  }
}

/** RFC 9457, with the product's stable code. */
function problem(response: Response, status: number, code: string, detail: string): void {
  response
    .status(status)
    .type('application/problem+json')
    .json({ type: 'about:blank', title: STATUS_CODES[status], status, detail, code });
}

function notAllowed(response: Response, methods: string): void {
  response.set('Allow', methods);
  problem(response, 405, 'bad-request', `This address takes ${methods}.`);
}

function roomOf(request: Request): RoomId {
  const room = v.safeParse(RoomIdSchema, request.params['room']);
  if (room.success) return room.output;
  throw new OnecastError('room-unknown', 'This is not the name of a room.');
}

function textOf(request: Request, type: string): string {
  if (!request.is(type)) throw new OnecastError('media-type', `Send ${type}.`);
  const text: unknown = request.body;
  if (typeof text !== 'string') throw new OnecastError('bad-request', 'The body is empty.');
  return text;
}

function openSession(found: WhipSession | EndedSession): WhipSession {
  if ('publisher' in found) return found;
  throw new OnecastError('session-gone');
}

function etagOf({ usernameFragment }: types.IceParameters): string {
  return `"${usernameFragment}"`;
}

/** What an encoder, or a person who debugs one, can ask about a session. */
function stateOf(found: WhipSession | EndedSession): Record<string, unknown> {
  if ('reason' in found) {
    return { state: 'ended', reason: found.reason, message: messageOf(found.reason) };
  }
  const { publisher } = found;
  return {
    state: publisher.session.mediaUp ? 'connected' : 'connecting',
    epoch: publisher.epoch,
    room: publisher.room.view(),
  };
}

function messageOf(reason: EndedSession['reason']): string {
  switch (reason) {
    case 'ended':
    case 'left':
      return 'The encoder has ended the broadcast.';
    case 'expired':
      return 'No media arrived for too long.';
    case 'superseded':
      return 'Another publisher has taken over the room.';
    case 'bitrate-exceeded':
    case 'overlay-flood':
      return ERRORS[reason].message;
    case 'secret-reused':
    case 'server-closed':
      return 'The server has closed the session.';
    default:
      return reason satisfies never;
  }
}

/** The answer to an ICE restart (RFC 8840, section 9), for the section that the encoder named first. */
function restartFragment(
  offered: string,
  { usernameFragment, password }: types.IceParameters,
  candidates: readonly types.IceCandidate[],
): string {
  const media = /^m=(audio|video) /m.exec(offered)?.[1] ?? 'video';
  const mid = /^a=mid:([\x21-\x7e]{1,32})\s*$/m.exec(offered)?.[1] ?? '0';
  return [
    'a=ice-lite',
    `m=${media} 9 UDP/TLS/RTP/SAVPF 0`,
    `a=mid:${mid}`,
    `a=ice-ufrag:${usernameFragment}`,
    `a=ice-pwd:${password}`,
    ...candidates.map(
      ({ foundation, protocol, priority, address, port, type, tcpType }) =>
        `a=candidate:${foundation} 1 ${protocol} ${priority} ${address} ${port} typ ${type}${tcpType ? ` tcptype ${tcpType}` : ''}`,
    ),
    'a=end-of-candidates',
    '',
  ].join('\r\n');
}
