/** Every server that the bench knows, by the name that its options take. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Contender } from './broadcaster.ts';
import { janus } from './janus.ts';
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
  janus: () => janus({ id: 'janus', title: 'Janus, event loops = cores', tuned: true }),
  'janus-installed': () => janus({ id: 'janus-installed', title: 'Janus as installed' }),
  pion: (program: string) => pion({ id: 'pion', title: 'Pion', program }),
  'pion-data': (program: string) => pion({ id: 'pion-data', title: 'Pion', program, data: true }),
  'pion-plain': (program: string) =>
    pion({ id: 'pion-plain', title: 'Pion without interceptors', program, plain: true }),
} as const;

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
      const program = ids.some((id) => id.startsWith('pion')) ? await compilePion(folder) : '';
      return new Field(
        ids.map((id) => CONTENDERS[id](program)),
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
