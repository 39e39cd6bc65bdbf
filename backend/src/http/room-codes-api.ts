/**
 * `POST /api/device-code` and `POST /api/redeem`: how the publisher of a room goes on in another
 * browser. Bodies and answers are in protocol/room-codes.ts; neither is ever logged.
 */
import express, {
  type ErrorRequestHandler,
  type Request,
  type RequestHandler,
  Router,
} from 'express';
import * as v from 'valibot';
import { type ErrorCode, OnecastError } from '#protocol/errors.ts';
import type { Result } from '#protocol/result.ts';
import {
  DEVICE_CODE_PATH,
  DeviceCodeRequestSchema,
  REDEEM_PATH,
  RedeemRequestSchema,
} from '#protocol/room-codes.ts';
import { originAllowed } from '../admission/origin.ts';
import { Answerer } from '../signalling/answerer.ts';
import type { JoinApiParts } from './join-api.ts';

/** A room's name, a secret and punctuation. */
const BODY_MAX_BYTES = 512;
const UNCACHED = { 'Cache-Control': 'no-store' } as const;

export function roomCodesApi(parts: JoinApiParts): Router {
  const { admission, addresses, log, metrics } = parts;
  const answerer = new Answerer(log, metrics);
  const router = Router();

  // Before the body is read. An attempt costs as much as a session: a guess is not cheaper than a join.
  const admit: RequestHandler = (request, response, next) => {
    const refuse = (status: number, code: ErrorCode) =>
      response.status(status).set(UNCACHED).json(answerer.refuse(code));
    if (!originAllowed(request, parts.config)) {
      parts.hostRefused(request.headers);
      refuse(403, 'origin-refused');
    } else if (!addresses.countSession(parts.addressOf(request))) refuse(429, 'too-many');
    else next();
  };

  const answer = (name: string, handle: (request: Request) => unknown): RequestHandler[] => [
    admit,
    express.json({ limit: BODY_MAX_BYTES, inflate: false }),
    (request, response) => {
      let result: Result<unknown>;
      try {
        result = { ok: true, value: handle(request) };
      } catch (error) {
        const code = error instanceof OnecastError ? error.code : 'internal';
        if (code === 'internal') log.error({ request: name, err: error }, 'request failed');
        else log.info({ request: name, code }, 'refused');
        result = answerer.refuse(code);
      }
      response.set(UNCACHED).json(result);
    },
  ];

  router.post(
    DEVICE_CODE_PATH,
    answer('deviceCode', ({ body }) => admission.deviceCode(parse(DeviceCodeRequestSchema, body))),
  );
  router.post(
    REDEEM_PATH,
    answer('redeem', ({ body }) => admission.redeem(parse(RedeemRequestSchema, body))),
  );
  const failed: ErrorRequestHandler = (_error, _request, response, _next) => {
    response.status(400).set(UNCACHED).json(answerer.refuse('bad-request'));
  };
  router.use([DEVICE_CODE_PATH, REDEEM_PATH], failed);
  return router;
}

/** @throws OnecastError `bad-request` */
function parse<S extends v.GenericSchema>(schema: S, body: unknown): v.InferOutput<S> {
  const parsed = v.safeParse(schema, body);
  if (!parsed.success) throw new OnecastError('bad-request');
  return parsed.output;
}
