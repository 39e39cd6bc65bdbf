import { afterAll, beforeAll } from 'vitest';
import { InProcessServer, type InProcessServerOptions } from './in-process-server.ts';

/** One server for all tests of a file or `describe`. Vitest starts it before them and closes it after. */
export function sharedServer(options: InProcessServerOptions = {}): InProcessServer {
  const server = new InProcessServer(options);
  beforeAll(() => server.start());
  afterAll(() => server[Symbol.asyncDispose]());
  return server;
}
