/**
 * `POST /api/join`: a viewer joins before its socket is open. The page's HTTP connection is open
 * already, while a socket needs three round trips. Body and answer are those of the `join` request.
 * The page connects its socket to the session with `attach`.
 */
import type { IncomingMessage } from 'node:http';
import express, { type ErrorRequestHandler, type Request, type Response, Router } from 'express';
import * as v from 'valibot';
import type { Limits } from '#config/limits.ts';
import { JOIN_PATH, REQUESTS } from '#protocol/signalling.ts';
import type { AddressAdmission } from '../admission/address-admission.ts';
import { originAllowed, originRefusal } from '../admission/origin.ts';
import type { OwnHosts } from '../admission/own-hosts.ts';
import type { Log } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { RoomAdmission, Requester } from '../rooms/room-admission.ts';
import { Answerer } from '../signalling/answerer.ts';

const UNCACHED = { 'Cache-Control': 'no-store' } as const;
const STATUS = { 'origin-refused': 403, 'too-many': 429 } as const;

export interface JoinApiParts {
  readonly admission: RoomAdmission;
  readonly addresses: AddressAdmission;
  readonly limits: Limits;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly config: OwnHosts;
  /** The address that limits count a request against. */
  addressOf(request: IncomingMessage): string;
  /** Logs a refused host or origin. */
  hostRefused(headers: IncomingMessage['headers']): void;
}

export function joinApi(parts: JoinApiParts): Router {
  const { admission, addresses, limits, log, metrics } = parts;
  const answerer = new Answerer(log, metrics);
  const router = Router();

  const refusalOf = (request: Request) => {
    if (!originAllowed(request, parts.config)) {
      parts.hostRefused(request.headers);
      return 'origin-refused';
    }
    return addresses.mayMakeSession(parts.addressOf(request)) ? undefined : 'too-many';
  };

  // The session has no socket yet, so it expires like a session that has lost its socket.
  const attach: Requester['attach'] = ({ session }) => session.detach();

  router.post(
    JOIN_PATH,
    // Refuse before reading the body, and without a line in the log: a stranger can cause any number.
    (request, response, next) => {
      const code = refusalOf(request);
      if (code === undefined) return next();
      const message = code === 'origin-refused' ? originRefusal(request.headers) : undefined;
      return response.status(STATUS[code]).set(UNCACHED).json(answerer.refuse(code, message));
    },
    express.json({ limit: limits.signalMaxBytes, inflate: false }),
    async (request, response: Response) => {
      const address = parts.addressOf(request);
      const parsed = v.safeParse(REQUESTS.join, request.body);
      const result = parsed.success
        ? await answerer.answer('join', () => admission.join(parsed.output, { address, attach }))
        : answerer.badRequest('join', parsed.issues[0]);
      response.set(UNCACHED).json(result);
    },
  );
  const failed: ErrorRequestHandler = (_error, _request, response, _next) => {
    response.status(400).set(UNCACHED).json(answerer.refuse('bad-request'));
  };
  router.use(JOIN_PATH, failed);
  return router;
}
