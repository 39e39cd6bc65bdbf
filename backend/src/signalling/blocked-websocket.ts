/** Recognises websockets that a proxy has turned into plain requests. */
import type { IncomingMessage } from 'node:http';

/** How often the log reports it: every stranger can cause such a report. */
const LOG_INTERVAL_MS = 60_000;

/** Whether a page wanted a websocket, and its request arrived without the upgrade. */
export function isBlockedWebsocket({
  url = '',
  headers,
}: Pick<IncomingMessage, 'url' | 'headers'>): boolean {
  if (headers.upgrade !== undefined) return false;
  const query = url.split('?', 2)[1] ?? '';
  return new URLSearchParams(query).get('transport') === 'websocket';
}

/** Returns a function that logs that a websocket was blocked, at most once a minute. */
export function blockedWebsocketLog(
  log: { warn(sentence: string): void },
  now: () => number = () => performance.now(),
): () => void {
  let quietUntil = Number.NEGATIVE_INFINITY;
  return () => {
    if (now() < quietUntil) return;
    quietUntil = now() + LOG_INTERVAL_MS;
    log.warn(
      'a page asked for a websocket, and a plain request arrived: a proxy in front of this server must pass on the headers Upgrade and Connection, with HTTP/1.1',
    );
  };
}
