/** How many joins one Node process gets through: some callers who join again and again. */
import { Agent } from 'node:http';
import fixture from '#protocol/fixtures/chromium-156.json' with { type: 'json' };
import { JOIN_PATH } from '#protocol/signalling.ts';
import { PROTOCOL_VERSION } from '#protocol/version.ts';
import { loopbackAddress, LoadClient, postRequest } from '#testkit/signalling/load-client.ts';
import { type Spread, spreadOf } from '../report/stats.ts';
import { exactCpuSeconds } from '#testkit/processes.ts';
import { ROOM, MeasuredBroadcast } from '../swarm/measured-broadcast.ts';
import type { Way } from './pages.ts';

/** At once; as many as keep the server busy. */
const CALLERS = 16;
/** Sessions that nobody takes up go after this, so that they do not pile up. */
const GRACE_MS = 1_000;

export interface Rate {
  readonly way: Way;
  readonly joins: number;
  readonly perSecond: number;
  /** Processor time of the Node process and of the media workers for a join, ms. */
  readonly nodeMs: number;
  readonly workerMs: number;
  readonly answerMs: Spread;
  readonly errors: readonly string[];
}

export async function measureRate(way: Way, seconds: number): Promise<Rate> {
  const scene = await MeasuredBroadcast.open('tiny', { limits: { sessionGraceMs: GRACE_MS } });
  try {
    const { url, pid, workerPids } = scene.server;
    const cpu = () => {
      const workers = exactCpuSeconds(workerPids, undefined);
      return { node: exactCpuSeconds([pid], undefined) - workers, workers };
    };
    const errors: string[] = [];
    const answers: number[] = [];
    const run = async (until: number, index: number) => {
      const agent = new Agent({ keepAlive: true, localAddress: loopbackAddress(index) });
      const joinOnce = way === 'ahead' ? () => ahead(url, agent) : () => overSocket(url, index);
      while (performance.now() < until) {
        await joinOnce().then(
          (ms) => answers.push(ms),
          (error: unknown) => errors.push(String(error)),
        );
      }
      agent.destroy();
    };
    const all = (ms: number) => {
      const until = performance.now() + ms;
      return Promise.all(Array.from({ length: CALLERS }, (_, i) => run(until, i)));
    };
    // Code is compiled, routers and pipes are made.
    await all(1_000);
    errors.length = 0;
    answers.length = 0;
    const before = cpu();
    const started = performance.now();
    await all(seconds * 1_000);
    const took = (performance.now() - started) / 1_000;
    const after = cpu();
    const perJoin = (who: keyof typeof before) =>
      Math.round(((after[who] - before[who]) / answers.length) * 100_000) / 100;
    return {
      way,
      joins: answers.length,
      perSecond: Math.round(answers.length / took),
      nodeMs: perJoin('node'),
      workerMs: perJoin('workers'),
      answerMs: spreadOf(answers),
      errors,
    };
  } finally {
    await scene.close();
  }
}

const { rtpCapabilities, dtlsParameters } = fixture;
const JOIN = { protocol: PROTOCOL_VERSION, room: ROOM, rtpCapabilities };
const AHEAD = JSON.stringify({
  requestId: 'ahead',
  ...JOIN,
  dtlsParameters: { ...dtlsParameters, role: 'client' },
});

/** Over a connection that is there already, as a page's is. The time to the answer, ms. */
async function ahead(url: string, agent: Agent): Promise<number> {
  const asked = performance.now();
  await postRequest(new URL(JOIN_PATH, url), agent, AHEAD);
  return performance.now() - asked;
}

async function overSocket(url: string, index: number): Promise<number> {
  const caller = new LoadClient(url, index);
  try {
    await caller.connected();
    const asked = performance.now();
    await caller.request('join', JOIN);
    const took = performance.now() - asked;
    await caller.request('leave');
    return took;
  } finally {
    caller.close();
  }
}
