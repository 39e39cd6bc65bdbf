/** The composition root: creates everything, and closes it in reverse order. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import express from 'express';
import type { Config } from '#config/env.ts';
import type { Limits } from '#config/limits.ts';
import { Authority } from './admission/authority.ts';
import { OwnershipProofs } from './admission/ownership-proofs.ts';
import { OwnershipStore } from './admission/ownership-store.ts';
import { clientAddress, trustOf } from './admission/client-address.ts';
import { guardHttp } from './admission/http-guard.ts';
import { refusedHostLog } from './admission/own-hosts.ts';
import { joinApi } from './http/join-api.ts';
import { probeApi } from './http/probe-api.ts';
import { MetricsServer } from './http/metrics-server.ts';
import { builtPages, devPages } from './http/pages.ts';
import { roomCodesApi } from './http/room-codes-api.ts';
import { ingestApi } from './http/ingest-api.ts';
import { securityHeaders } from './http/security-headers.ts';
import { createHttpServer, mountRoutes } from './http/server.ts';
import { chooseEgress, logEgress } from './media/workers/egress.ts';
import { routerCapabilities } from './media/routing/room-router.ts';
import { MediaReach } from './media/watch/media-reach.ts';
import { Traffic } from './media/watch/traffic.ts';
import { WorkerPool } from './media/workers/pool.ts';
import { DescriptorWatch } from './observability/descriptors.ts';
import { type Log, missingLinesOf } from './observability/log.ts';
import { Metrics } from './observability/metrics.ts';
import { observeServer } from './observability/server-metrics.ts';
import { PROTOCOL_VERSION } from '#protocol/version.ts';
import { AddressWatch } from './ports/address-watch.ts';
import { assertPorts, namePortFault, wantedPorts } from './ports/port-check.ts';
import { RoomRegistry } from './rooms/registry.ts';
import { AddressAdmission } from './admission/address-admission.ts';
import { RoomAdmission } from './rooms/room-admission.ts';
import { whipApi } from './whip/whip-api.ts';
import { Gateway } from './signalling/gateway.ts';

export interface App {
  /** The port of the pages. With PORT=0 the system chooses a free one. */
  readonly port: number;
  /** The port of the metrics, undefined if they are off. */
  readonly metricsPort: number | undefined;
  readonly registry: RoomRegistry;
  readonly pool: WorkerPool;
  /** Reports not ready at once, informs the pages, and closes after a delay. Idempotent. */
  drain(): Promise<void>;
  /** Idempotent. */
  close(): Promise<void>;
}

const FRONTEND = join(import.meta.dirname, '../../frontend');

/**
 * @param signal ends the start
 * @throws if a port is in use, a worker can't be started, or the frontend is not built
 */
export async function createApp(
  config: Config,
  givenLimits: Limits,
  log: Log,
  metrics = new Metrics(),
  signal?: AbortSignal,
): Promise<App> {
  const limits: Limits = { ...givenLimits, ...config.limits };
  const closers: (() => void | Promise<void>)[] = [];
  let draining = false;
  const closeAll = callOnce(async () => {
    draining = true;
    for (const close of closers.toReversed()) await close();
  });
  try {
    await assertPorts(config, limits.portWaitMs, signal);
    const egress = await chooseEgress(config, limits);
    logEgress(egress, log);
    const pool = await WorkerPool.create(config, limits, log, metrics, egress, signal);
    closers.push(() => pool.close());
    const page = {
      protocol: PROTOCOL_VERSION,
      routerRtpCapabilities: await routerCapabilities(pool),
      tokens: config.authKey !== undefined,
      embedding: config.embedOrigins.length > 0,
    };

    // Where tokens decide, no room has an owner.
    const stateDir = config.authKey === undefined ? config.stateDir : undefined;
    const ownership = await OwnershipStore.open(stateDir, limits, log);
    closers.push(() => ownership.close());
    const proofs = new OwnershipProofs(ownership);
    const reach = new MediaReach(log, metrics);
    const registry = new RoomRegistry(pool, limits, log, metrics, config.estimation, proofs, reach);
    closers.push(() => registry.close());
    const traffic = new Traffic(() => registry.members(), limits, metrics);
    closers.push(() => traffic.close());

    const authority = new Authority(config.authKey, limits, log);
    const app = express();
    const http = createHttpServer(app, limits, metrics);
    const pages = config.dev
      ? await devPages(FRONTEND, http)
      : await builtPages(join(FRONTEND, 'dist'));
    closers.push(() => pages.close());
    const isReady = () => !draining && pool.ready;
    const trust = trustOf(config.trustProxy);
    const addresses = new AddressAdmission(limits);
    const hostRefused = refusedHostLog(log);
    const parts = {
      admission: new RoomAdmission(registry, authority, addresses),
      addresses,
      hostRefused,
      config,
      limits,
      log,
      metrics,
      addressOf: (request: IncomingMessage) => clientAddress(request, trust),
    };
    const { routerRtpCapabilities } = page;
    const apis = [
      joinApi(parts),
      roomCodesApi(parts),
      probeApi(parts),
      ingestApi(parts),
      whipApi({ ...parts, routerRtpCapabilities }),
    ];
    mountRoutes(app, { log, page, pages, apis, security: config, isReady });

    const gateway = new Gateway(http, parts);
    const setHeaders = securityHeaders(config);
    const namesProxies = typeof config.trustProxy !== 'number';
    guardHttp(http, { ...parts, own: config, trust, namesProxies, setHeaders });
    closers.push(async () => {
      http.closeAllConnections();
      await gateway.close();
    });
    if (config.announcedAddress === undefined) {
      const watch = new AddressWatch(log, limits.addressCheckMs);
      closers.push(() => watch.close());
    }
    const sockets = () => gateway.socketCount;
    const processes = () => [
      { name: 'server', pid: process.pid },
      ...pool.workers.map(({ index, worker }) => ({ name: `worker-${index}`, pid: worker.pid })),
    ];
    const descriptors = new DescriptorWatch(processes, limits, log);
    closers.push(() => descriptors.close());
    const missingLines = () => missingLinesOf(log);
    const sources = { registry, pool, egress, sockets, descriptors, missingLines };
    const readWorkers = observeServer(metrics, sources, limits);
    const metricsServer =
      config.metrics &&
      (await MetricsServer.listen(
        config.metrics,
        { limits, metrics, own: config, hostRefused },
        async () => {
          await readWorkers();
          return metrics.registry.metrics();
        },
      ));
    closers.push(() => metricsServer?.close());
    http.listen(config.port, config.host);
    await once(http, 'listening').catch((error: unknown) =>
      namePortFault(error, wantedPorts(config).slice(0, 1)),
    );
    return {
      port: addressOf(http.address()).port,
      metricsPort: metricsServer?.port,
      registry,
      pool,
      close: closeAll,
      drain: callOnce(async () => {
        draining = true;
        pool.drain();
        registry.refuse();
        gateway.announceDrain(limits.drainRetryMs);
        await delay(limits.drainNoticeMs);
        await closeAll();
      }),
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

function addressOf(address: AddressInfo | string | null): AddressInfo {
  if (address === null || typeof address === 'string') throw new Error('not listening');
  return address;
}

/** Later calls return the promise of the first. */
function callOnce(task: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => (running ??= task());
}
