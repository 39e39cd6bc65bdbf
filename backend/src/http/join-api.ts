/**
 * `POST /api/join`: a viewer's `join` ahead of its socket. The page's connection is warm, a socket
 * takes three round trips to be there. Body and answer are those of the request of that name; the
 * session is given to the socket by `attach`.
 */
import type { IncomingMessage } from 'node:http';
import express, { type ErrorRequestHandler, type Request, type Response, Router } from 'express';
import * as v from 'valibot';
import type { Config } from '#config/env.ts';
import type { Limits } from '#config/limits.ts';
import type { Log } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import { OnecastError } from '#protocol/errors.ts';
import { JOIN_PATH, REQUESTS } from '#protocol/signalling.ts';
import type { AddressLimits } from '../admission/address-limits.ts';
import { Answerer } from '../signalling/answerer.ts';
import type { RoomAdmission, Requester } from '../rooms/room-admission.ts';
import { originAllowed } from '../admission/origin.ts';

export interface JoinApiParts {
  readonly admission: RoomAdmission;
  readonly addresses: AddressLimits;
  readonly limits: Limits;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly config: Pick<Config, 'allowedOrigins'>;
  /** Whose a request is, as limits count. */
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
    // It has no socket yet, and expires like one that has lost it.
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
