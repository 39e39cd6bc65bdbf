import type { Diagnostics } from '#client/connection/types.ts';
import { type MediaStats, StatsReader } from '#client/media/stats.ts';
import { copyOnClick, textOf } from './copy-button.ts';
import { find, make, setText } from './elements.ts';
import {
  formatBitrate,
  formatCount,
  formatFrameRate,
  formatLoss,
  formatMilliseconds,
  formatResolution,
} from './format.ts';
import { run } from './page.ts';

const POLL_MS = 1000;

const UNKNOWN: MediaStats = {
  width: undefined,
  height: undefined,
  framesPerSecond: undefined,
  bitrateKbps: undefined,
  roundTripMs: undefined,
  lossFraction: undefined,
  framesDropped: undefined,
  codec: undefined,
};

const ROWS = {
  resolution: { label: 'Resolution', read: (s) => formatResolution(s.width, s.height) },
  frameRate: { label: 'Frame rate', read: (s) => formatFrameRate(s.framesPerSecond) },
  bitrate: { label: 'Bit rate', read: (s) => formatBitrate(s.bitrateKbps) },
  roundTrip: { label: 'Round trip', read: (s) => formatMilliseconds(s.roundTripMs) },
  loss: { label: 'Packets lost', read: (s) => formatLoss(s.lossFraction) },
  dropped: { label: 'Frames dropped', read: (s) => formatCount(s.framesDropped) },
  codec: { label: 'Codec', read: (s) => s.codec ?? '–' },
} satisfies Record<string, { label: string; read: (stats: MediaStats) => string }>;

export type StatName = keyof typeof ROWS;

/** A connection's stats in a <dl>, updated once a second. The name of each is in data-stat. */
export class StatsPanel {
  readonly #cells: readonly (readonly [StatName, HTMLElement])[];

  constructor(list: HTMLDListElement, names: readonly StatName[]) {
    this.#cells = names.map((name) => [name, make('dd')]);
    list.replaceChildren(
      ...this.#cells.map(([name, cell]) => {
        const row = make('div');
        cell.dataset.stat = name;
        row.append(make('dt', { text: ROWS[name].label }), cell);
        return row;
      }),
    );
    this.#show(undefined);
  }

  /**
   * Reads and shows the stats once a second. Returns a function that stops this; the last stats stay
   * until `clear()`.
   */
  poll(
    connection: { getStats(): Promise<RTCStatsReport | undefined> },
    direction: 'send' | 'receive',
  ): () => void {
    const reader = new StatsReader();
    let stopped = false;
    let busy = false;
    const read = async () => {
      if (busy) return;
      busy = true;
      try {
        const report = await connection.getStats();
        if (!stopped) this.#show(report && reader.read(report, direction));
      } finally {
        busy = false;
      }
    };
    run(read(), 'reading the stats');
    const timer = setInterval(() => run(read(), 'reading the stats'), POLL_MS);
    return () => {
      stopped = true;
      clearInterval(timer);
    };
  }

  /** Shows that nothing is known. */
  clear(): void {
    this.#show(undefined);
  }

  #show(stats: MediaStats = UNKNOWN): void {
    for (const [name, cell] of this.#cells) setText(cell, ROWS[name].read(stats));
  }
}

/** Makes the button #copy-diagnostics copy the connection's diagnostics as JSON, for a bug report. */
export function bindDiagnostics(connection: { diagnostics(): Promise<Diagnostics> }): void {
  const field = find('#diagnostics', HTMLTextAreaElement);
  const copied = textOf(field);
  copyOnClick(find('#copy-diagnostics', HTMLButtonElement), {
    text: async () => {
      field.value = JSON.stringify(await connection.diagnostics(), undefined, 2);
      return field.value;
    },
    select: () => {
      field.hidden = false;
      copied.select();
    },
  });
}
