/**
 * The whole server in a process of its own. It reports to its parent over IPC what it holds and when
 * each step of a transport happened, so that the product needs no endpoint for that.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { observer, type types } from 'mediasoup';
import { type App, createApp } from '#backend/app.ts';
import { createLog } from '#backend/observability/log.ts';
import { readConfig } from '#config/env.ts';
import { type Limits, LIMITS } from '#config/limits.ts';
import type { Answers, Counts, Query, TransportSteps } from './observed-server.ts';

const config = readConfig(process.env);
const changed = JSON.parse(process.env['BENCH_LIMITS'] ?? '{}') as Partial<Limits>;
const limits: Limits = { ...LIMITS, ...changed };
const loop = monitorEventLoopDelay({ resolution: 5 });
loop.enable();

/** Simulcast layers that pages send of a camera of 960x540 or more. */
const LAYERS = 3;
/** Without queries, the oldest steps are dropped. */
const STEPS_MAX = 1_000;
const steps: TransportSteps[] = [];
observer.on('newworker', (worker) => {
  worker.observer.on('newrouter', (router) => {
    router.observer.on('newtransport', (transport) => {
      if (transport.type === 'webrtc') watch(transport as types.WebRtcTransport);
    });
  });
});

/** Records the steps of receiving transports: created, consumer created, DTLS up, first packet sent. */
function watch(transport: types.WebRtcTransport): void {
  const own: TransportSteps = { made: performance.now() };
  transport.observer.on('newconsumer', (consumer) => {
    if (consumer.type !== 'simulcast') return;
    layered.add(consumer);
    consumer.observer.once('close', () => layered.delete(consumer));
  });
  transport.observer.once('newconsumer', (consumer) => {
    own.consumer = performance.now();
    steps.push(own);
    if (steps.length > STEPS_MAX) steps.shift();
    consumer.observer.once('resume', () => {
      own.resumed = performance.now();
    });
    consumer.observer.once('trace', () => {
      own.packet = performance.now();
      if (!consumer.closed) consumer.enableTraceEvent([]).catch(() => undefined);
    });
    consumer.enableTraceEvent(['rtp']).catch(() => undefined);
  });
  transport.observer.on('dtlsstatechange', (state) => {
    if (state === 'connected') own.dtls = performance.now();
  });
}

const layered = new Set<types.Consumer>();
let layer = LAYERS - 1;

/** Down layer by layer, then back to the top one: as on a connection that gets worse and better. */
async function switchLayer(): Promise<number> {
  layer = (layer + LAYERS - 1) % LAYERS;
  const layers = { spatialLayer: layer, temporalLayer: 2 };
  await Promise.all([...layered].map((consumer) => consumer.setPreferredLayers(layers)));
  return layer;
}

const app = await createApp(config, limits, createLog(config, false));

process.on('message', ({ id, query }: Query & { id: number }) => {
  void answer(app, query).then((value) => process.send?.({ id, value }));
});
process.on('disconnect', () => void stop());
process.on('SIGTERM', () => void stop());
process.send?.({
  id: 0,
  value: { port: app.port, workers: app.pool.workers.map(({ worker }) => worker.pid) },
});

async function answer(app: App, query: Query['query']): Promise<Answers[typeof query]> {
  switch (query) {
    case 'counts':
      return counts(app);
    case 'steps': {
      const eventLoopMaxMs = loop.max / 1e6;
      loop.reset();
      return { transports: steps.splice(0), eventLoopMaxMs };
    }
    case 'switchLayer':
      return switchLayer();
    default:
      return query satisfies never;
  }
}

async function counts({ registry, pool }: App): Promise<Counts> {
  const dumps = await Promise.all(pool.workers.map(({ worker }) => worker.dump()));
  const servers = await Promise.all(pool.workers.map(({ webRtcServer }) => webRtcServer.dump()));
  globalThis.gc?.();
  const handles = process.getActiveResourcesInfo();
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return {
    sessions: registry.sessionCount,
    rooms: registry.roomCount,
    transports: sum(pool.workers.map(({ transports }) => transports)),
    routers: sum(dumps.map(({ routerIds }) => routerIds.length)),
    workerTransports: sum(servers.map(({ webRtcTransportIds }) => webRtcTransportIds.length)),
    handlers: sum(
      dumps.map(
        ({ channelMessageHandlers: { channelRequestHandlers } }) => channelRequestHandlers.length,
      ),
    ),
    sockets: handles.filter((kind) => kind === 'TCPSocketWrap').length,
    timers: handles.filter((kind) => kind === 'Timeout').length,
    poolListeners: pool.listenerCount('workerLost'),
    heapBytes: process.memoryUsage().heapUsed,
  };
}

let stopping = false;
async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  await app.close();
  process.exit(0);
}
