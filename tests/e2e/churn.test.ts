import { expect, test } from 'vitest';
import { churn } from '../../bench/churn.ts';

test('SRV-7 the server holds nothing after joins and leaves of every kind', async () => {
  const { errors, before, after, openFiles } = await churn({ cycles: 120, sampleEvery: 120 });
  expect(errors).toEqual([]);
  expect(after).toMatchObject({ sessions: 0, rooms: 0, transports: 0, workerTransports: 0 });
  expect(after).toMatchObject({ routers: 0, sockets: 0, poolListeners: 0 });
  expect(after.handlers).toBe(before.handlers);
  expect(after.timers).toBeLessThanOrEqual(before.timers);
  expect(openFiles.after).toBeLessThanOrEqual(openFiles.before);
});
