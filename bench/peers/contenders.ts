/** Every server that the bench compares, by the name used in its options. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Loadgen } from '../loadgen/loadgen.ts';
import type { Contender } from './broadcaster.ts';
import { compileJanusOpenssl, janus } from './janus.ts';
import { onecast } from './onecast.ts';
import { compilePion, pion } from './pion.ts';

/** As mediasoup is usually configured: bandwidth estimation for all viewers, datagrams sent one by one. */
const USUAL = { BANDWIDTH_ESTIMATION: 'always', MEDIA_EGRESS_BATCHING: 'off' } as const;

const CONTENDERS = {
  onecast: () => onecast({ id: 'onecast', title: 'Onecast' }),
  /** Variants by environment variables, and by the capabilities that viewers report. */
  'onecast-usual': () =>
    onecast({ id: 'onecast-usual', title: 'mediasoup as usual: transport-cc for all', env: USUAL }),
  'onecast-remb': () =>
    onecast({
      id: 'onecast-remb',
      title: 'mediasoup, viewers with REMB',
      congestion: 'remb',
      env: USUAL,
    }),
  'onecast-unbatched': () =>
    onecast({
      id: 'onecast-unbatched',
      title: 'Onecast, sending unbatched',
      env: { MEDIA_EGRESS_BATCHING: 'off' },
    }),
  'onecast-data': () => onecast({ id: 'onecast-data', title: 'Onecast', data: true }),
  janus: ({ janusOpenssl }: Compiled) =>
    janus({ id: 'janus', title: 'Janus, event loops = cores, OpenSSL', tuned: janusOpenssl }),
  'janus-installed': () => janus({ id: 'janus-installed', title: 'Janus as installed' }),
  pion: ({ pionProgram }: Compiled) => pion({ id: 'pion', title: 'Pion', program: pionProgram }),
  'pion-data': ({ pionProgram }: Compiled) =>
    pion({ id: 'pion-data', title: 'Pion', program: pionProgram, data: true }),
  'pion-plain': ({ pionProgram }: Compiled) =>
    pion({
      id: 'pion-plain',
      title: 'Pion without interceptors',
      program: pionProgram,
      plain: true,
    }),
} as const;

/** Paths of the compiled programs; empty where no contender needs them. */
interface Compiled {
  readonly pionProgram: string;
  readonly janusOpenssl: string;
}

export type ContenderId = keyof typeof CONTENDERS;

export const CONTENDER_IDS = Object.keys(CONTENDERS) as readonly ContenderId[];

export function titlesOf(contenders: readonly Contender[]): Record<string, string> {
  return Object.fromEntries(contenders.map(({ id, title }) => [id, title]));
}

export interface Field {
  readonly loadgen: Loadgen;
  readonly contenders: readonly Contender[];
}

/** Compiles the load generator and what the contenders need, and removes it all after `work`. */
export async function withContenders<T>(
  ids: readonly ContenderId[],
  work: (field: Field) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'onecast-peers-'));
  const loadgen = await Loadgen.compile();
  try {
    const compiled: Compiled = {
      pionProgram: ids.some((id) => id.startsWith('pion')) ? await compilePion(folder) : '',
      janusOpenssl: ids.includes('janus') ? await compileJanusOpenssl(folder) : '',
    };
    return await work({ loadgen, contenders: ids.map((id) => CONTENDERS[id](compiled)) });
  } finally {
    loadgen.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
