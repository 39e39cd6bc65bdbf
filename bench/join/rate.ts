/** How many joins one Node process handles: a few callers that join again and again. */
import { Agent } from 'node:http';
import fixture from '#protocol/fixtures/chromium-156.json' with { type: 'json' };
import { JOIN_PATH } from '#protocol/signalling.ts';
import { PROTOCOL_VERSION } from '#protocol/version.ts';
import { LoadClient, loopbackAddress, postRequest } from '#testkit/signalling/load-client.ts';
import { spreadOf } from '../report/stats.ts';
import { exactCpuSeconds } from '#testkit/processes.ts';
import { ROOM, MeasuredBroadcast } from '../swarm/measured-broadcast.ts';
import type { JoinWay } from './pages.ts';

/** Enough parallel callers to keep the server busy. */
const CALLERS = 16;
/** Short, so that sessions without a socket do not accumulate. */
const GRACE_MS = 1_000;

export interface JoinRate {
  readonly way: JoinWay;
  readonly perSecond: number;
  /** Processor time of the Node process and of the media workers for a join, ms. */
  readonly nodeMs: number;
  readonly workerMs: number;
  /** Percentiles of the time from request to answer, ms. */
  readonly p50: number;
  readonly p95: number;
  /** Joins that got no answer or a refusal. */
  readonly failed: number;
}

export async function measureRate(way: JoinWay, seconds: number): Promise<JoinRate> {
  const broadcast = await MeasuredBroadcast.open('tiny', { limits: { sessionGraceMs: GRACE_MS } });
  try {
    const { url, pid, workerPids } = broadcast.server;
    const cpu = () => {
      const workers = exactCpuSeconds(workerPids, undefined);
      return { node: exactCpuSeconds([pid], undefined) - workers, workers };
    };
    let failed = 0;
    const answers: number[] = [];
    const run = async (until: number, index: number) => {
      const agent = new Agent({ keepAlive: true, localAddress: loopbackAddress(index) });
      const joinOnce = way === 'ahead' ? () => ahead(url, agent) : () => overSocket(url, index);
      while (performance.now() < until) {
        await joinOnce().then(
          (ms) => answers.push(ms),
          (error: unknown) => {
            failed += 1;
            console.log(String(error));
          },
        );
      }
      agent.destroy();
    };
    const all = (ms: number) => {
      const until = performance.now() + ms;
      return Promise.all(Array.from({ length: CALLERS }, (_, i) => run(until, i)));
    };
    // A warm-up: V8 compiles the code, and the server creates routers and pipes.
    await all(1_000);
    failed = 0;
    answers.length = 0;
    const before = cpu();
    const started = performance.now();
    await all(seconds * 1_000);
    const took = (performance.now() - started) / 1_000;
    const after = cpu();
    const { p50, p95 } = spreadOf(answers);
    const perJoin = (who: keyof typeof before) =>
      Math.round(((after[who] - before[who]) / answers.length) * 100_000) / 100;
    return {
      way,
      perSecond: Math.round(answers.length / took),
      nodeMs: perJoin('node'),
      workerMs: perJoin('workers'),
      p50,
      p95,
      failed,
    };
  } finally {
    await broadcast.close();
  }
}

const { rtpCapabilities, dtlsParameters } = fixture;
const JOIN = { protocol: PROTOCOL_VERSION, room: ROOM, rtpCapabilities };
const AHEAD = JSON.stringify({
  requestId: 'ahead',
  ...JOIN,
  dtlsParameters: { ...dtlsParameters, role: 'client' },
});

/** Over an open connection, as a page's is. @returns ms to the answer */
async function ahead(url: string, agent: Agent): Promise<number> {
  const sent = performance.now();
  await postRequest(new URL(JOIN_PATH, url), agent, AHEAD);
  return performance.now() - sent;
}

async function overSocket(url: string, index: number): Promise<number> {
  const caller = new LoadClient(url, index);
  try {
    await caller.connected();
    const sent = performance.now();
    await caller.request('join', JOIN);
    const took = performance.now() - sent;
    await caller.request('leave');
    return took;
  } finally {
    caller.close();
  }
}
