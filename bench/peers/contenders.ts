/** Every server that the bench knows, by the name that its options take. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Contender } from './broadcaster.ts';
import { compileJanusOpenssl, janus } from './janus.ts';
import { onecast } from './onecast.ts';
import { compilePion, pion } from './pion.ts';

/** As mediasoup is used everywhere: every line estimated, every datagram sent by itself. */
const USUAL = { BANDWIDTH_ESTIMATION: 'always', MEDIA_EGRESS_BATCHING: 'off' } as const;

export const CONTENDERS = {
  onecast: () => onecast({ id: 'onecast', title: 'Onecast' }),
  /** Variants by what the environment sets, and by what viewers say that they can do. */
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

/** Paths of what was compiled; empty where no contender asked for it. */
interface Compiled {
  readonly pionProgram: string;
  readonly janusOpenssl: string;
}

export type ContenderId = keyof typeof CONTENDERS;

/** Names with commas between. @throws where one is unknown. */
export function contenderIds(names: string): ContenderId[] {
  return names.split(',').map((name) => {
    if (isContender(name)) return name;
    throw new Error(`no such contender: ${name}; there are ${Object.keys(CONTENDERS).join(', ')}`);
  });
}

function isContender(id: string): id is ContenderId {
  return Object.hasOwn(CONTENDERS, id);
}

export function titlesOf({ contenders }: Field): Record<string, string> {
  return Object.fromEntries(contenders.map(({ id, title }) => [id, title]));
}

/** Contenders that are ready to start; what was compiled for them goes with `close`. */
export class Field {
  readonly contenders: readonly Contender[];
  readonly #folder: string;

  static async prepare(ids: readonly ContenderId[]): Promise<Field> {
    const folder = mkdtempSync(join(tmpdir(), 'onecast-peers-'));
    try {
      const compiled: Compiled = {
        pionProgram: ids.some((id) => id.startsWith('pion')) ? await compilePion(folder) : '',
        janusOpenssl: ids.includes('janus') ? await compileJanusOpenssl(folder) : '',
      };
      return new Field(
        ids.map((id) => CONTENDERS[id](compiled)),
        folder,
      );
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  private constructor(contenders: readonly Contender[], folder: string) {
    this.contenders = contenders;
    this.#folder = folder;
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
