/**
 * `POST /api/rooms/<room>/overlay`: overlay messages of a program other than the publisher's page. The
 * body is one JSON message, or one message on each line. The API is for programs: it has no CORS
 * headers for pages of other origins, and no cookies.
 */
import express, { type ErrorRequestHandler, type Request, type Response, Router } from 'express';
import * as v from 'valibot';
import type { Limits } from '#config/limits.ts';
import { ERRORS, type ErrorCode, OnecastError } from '#protocol/errors.ts';
import { RoomIdSchema } from '#protocol/ids.ts';
import { INGEST_MAX_MESSAGES, type IngestResult } from '#protocol/signalling.ts';
import type { Log } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import { IngestBusy } from '../overlay/ingest.ts';
import type { RoomAdmission } from '../rooms/room-admission.ts';
import type { IngestAccess } from '../rooms/room.ts';
import { bearerOf, refusalOf, statusOf } from './refusals.ts';

const ONE = 'application/json';
const LINES = 'application/x-ndjson';
const PATH = '/api/rooms/:room/overlay';

export interface IngestApiParts {
  readonly admission: RoomAdmission;
  readonly limits: Limits;
  readonly log: Log;
  readonly metrics: Metrics;
}

export function ingestApi({ admission, limits, log, metrics }: IngestApiParts): Router {
  const router = Router();
  const refuse = (response: Response, status: number, code: ErrorCode, message: string) => {
    metrics.refused(code);
    response.status(status).set('Cache-Control', 'no-store').json({ code, message });
  };
  router.post(
    PATH,
    // Authorise before reading the body.
    async (request, response, next) => {
      response.locals['access'] = await accessFor(admission, request);
      if (request.is([ONE, LINES]) === false) throw new OnecastError('media-type');
      next();
    },
    express.text({ type: [ONE, LINES], limit: limits.ingestRequestMaxBytes, inflate: false }),
    (request, response: Response<IngestResult, { access: IngestAccess }>) => {
      const result = response.locals.access.ingest(messagesOf(request));
      const [first] = result.refused;
      response
        .status(result.accepted > 0 || !first ? 200 : statusOf(first.code))
        .set('Cache-Control', 'no-store')
        .json(result);
    },
  );
  router.all(PATH, (_request, response) => {
    response.set('Allow', 'POST');
    refuse(response, 405, 'bad-request', 'Overlay messages are sent with POST.');
  });
  router.use('/api', ((error, _request, response, _next) => {
    if (response.headersSent) {
      response.end();
      return;
    }
    const refusal = refusalOf(error);
    if (!refusal) {
      log.error({ err: error }, 'overlay request failed');
      refuse(response, 500, 'internal', ERRORS.internal.message);
      return;
    }
    const { code, message } = refusal;
    log.info({ request: 'overlay', code }, 'refused');
    if (refusal instanceof IngestBusy) {
      response.set('Retry-After', String(Math.ceil(refusal.retryInMs / 1_000)));
    }
    if (code === 'authority-missing') response.set('WWW-Authenticate', 'Bearer realm="onecast"');
    refuse(response, statusOf(code), code, message);
  }) satisfies ErrorRequestHandler);
  return router;
}

/** @throws OnecastError if the caller may not send to the room */
async function accessFor(admission: RoomAdmission, request: Request): Promise<IngestAccess> {
  const room = v.safeParse(RoomIdSchema, request.params['room']);
  if (!room.success) throw new OnecastError('room-unknown');
  return admission.ingestAccess(room.output, bearerOf(request));
}

/** Parsed JSON, undefined in place of a line that is not JSON. Empty lines are skipped. */
function messagesOf(request: Request): unknown[] {
  const body: unknown = request.body;
  if (typeof body !== 'string') throw new OnecastError('bad-request', 'There is no message.');
  const lines = request.is(LINES) === false ? [body] : body.split('\n');
  const texts = lines.filter((line) => line.trim() !== '');
  if (texts.length === 0) throw new OnecastError('bad-request', 'There is no message.');
  if (texts.length > INGEST_MAX_MESSAGES) {
    throw new OnecastError('too-many', `At most ${INGEST_MAX_MESSAGES} messages in one request.`);
  }
  return texts.map((text) => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      return undefined;
    }
  });
}
