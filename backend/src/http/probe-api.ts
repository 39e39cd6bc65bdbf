/**
 * `POST /api/probe`: a page that gets no socket asks whether the server accepts it. Its answer or refusal
 * shows which part of the way fails: the server, its name, or only websockets.
 */
import { Router } from 'express';
import { PROBE_PATH } from '#protocol/signalling.ts';
import { originAllowed, originRefusal } from '../admission/origin.ts';
import { Answerer } from '../signalling/answerer.ts';
import type { JoinApiParts } from './join-api.ts';

export function probeApi({
  config,
  log,
  metrics,
  hostRefused,
}: Pick<JoinApiParts, 'config' | 'log' | 'metrics' | 'hostRefused'>): Router {
  const answerer = new Answerer(log, metrics);
  const router = Router();
  router.post(PROBE_PATH, (request, response) => {
    response.set('Cache-Control', 'no-store');
    if (originAllowed(request, config)) {
      response.json({ ok: true, value: true });
      return;
    }
    hostRefused(request.headers);
    const refusal = answerer.refuse('origin-refused', originRefusal(request.headers));
    response.status(403).json(refusal);
  });
  return router;
}
