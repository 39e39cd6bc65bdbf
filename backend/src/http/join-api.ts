/**
 * `POST /api/join`: a viewer joins before its socket is open. The page's HTTP connection is open
 * already, while a socket needs three round trips. Body and answer are those of the `join` request.
 * The page connects its socket to the session with `attach`.
 */
import type { IncomingMessage } from 'node:http';
import express, { type ErrorRequestHandler, type Request, type Response, Router } from 'express';
import * as v from 'valibot';
import type { Config } from '#config/env.ts';
import type { Limits } from '#config/limits.ts';
import { OnecastError } from '#protocol/errors.ts';
import { JOIN_PATH, REQUESTS } from '#protocol/signalling.ts';
import type { AddressLimits } from '../admission/address-limits.ts';
import { originAllowed } from '../admission/origin.ts';
import type { Log } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { RoomAdmission, Requester } from '../rooms/room-admission.ts';
import { Answerer } from '../signalling/answerer.ts';

export interface JoinApiParts {
  readonly admission: RoomAdmission;
  readonly addresses: AddressLimits;
  readonly limits: Limits;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly config: Pick<Config, 'allowedOrigins'>;
  /** The address that limits count a request against. */
  addressOf(request: IncomingMessage): string;
}

export function joinApi(parts: JoinApiParts): Router {
  const { admission, addresses, limits, log, metrics } = parts;
  const answerer = new Answerer(log, metrics);
  const router = Router();

  const join = async (request: Request, address: string) => {
    if (!originAllowed(request, parts.config)) throw new OnecastError('origin-refused');
    if (!(await addresses.mayJoin(address))) throw new OnecastError('too-many');
    const parsed = v.safeParse(REQUESTS.join, request.body);
    if (!parsed.success) throw new OnecastError('bad-request');
    // The session has no socket yet, so it expires like a session that has lost its socket.
    const attach: Requester['attach'] = ({ session }) => session.detach();
    return admission.join(parsed.output, { address, attach });
  };

  router.post(
    JOIN_PATH,
    express.json({ limit: limits.signalMaxBytes, inflate: false }),
    async (request, response: Response) => {
      const address = parts.addressOf(request);
      const result = await answerer.answer('join', () => join(request, address));
      response.set('Cache-Control', 'no-store').json(result);
    },
  );
  const failed: ErrorRequestHandler = (_error, _request, response, _next) => {
    response.status(400).set('Cache-Control', 'no-store').json(answerer.refuse('bad-request'));
  };
  router.use(JOIN_PATH, failed);
  return router;
}
