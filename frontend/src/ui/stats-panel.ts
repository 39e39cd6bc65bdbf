import type { MediaStats } from '#client/media/stats.ts';
import { make, setText } from './elements.ts';
import {
  formatBitrate,
  formatCount,
  formatFrameRate,
  formatLoss,
  formatMilliseconds,
  formatResolution,
} from './format.ts';

export type StatName =
  | 'resolution'
  | 'frameRate'
  | 'bitrate'
  | 'roundTrip'
  | 'loss'
  | 'dropped'
  | 'codec';

const FIGURES: Record<StatName, { label: string; read: (figures: MediaStats) => string }> = {
  resolution: { label: 'Resolution', read: (f) => formatResolution(f.width, f.height) },
  frameRate: { label: 'Frame rate', read: (f) => formatFrameRate(f.framesPerSecond) },
  bitrate: { label: 'Bit rate', read: (f) => formatBitrate(f.bitrateKbps) },
  roundTrip: { label: 'Round trip', read: (f) => formatMilliseconds(f.roundTripMs) },
  loss: { label: 'Packets lost', read: (f) => formatLoss(f.lossFraction) },
  dropped: { label: 'Frames dropped', read: (f) => formatCount(f.framesDropped) },
  codec: { label: 'Codec', read: (f) => f.codec ?? '–' },
};

const NOTHING: MediaStats = {
  width: undefined,
  height: undefined,
  framesPerSecond: undefined,
  bitrateKbps: undefined,
  roundTripMs: undefined,
  lossFraction: undefined,
  framesDropped: undefined,
  codec: undefined,
};

/** A list of figures in a <dl>; each value carries data-figure with its name. */
export class StatsPanel {
  readonly #cells: readonly (readonly [StatName, HTMLElement])[];

  constructor(list: HTMLDListElement, names: readonly StatName[]) {
    this.#cells = names.map((name) => [name, make('dd')]);
    list.replaceChildren(
      ...this.#cells.map(([name, cell]) => {
        const row = make('div');
        cell.dataset.figure = name;
        row.append(make('dt', { text: FIGURES[name].label }), cell);
        return row;
      }),
    );
    this.show(undefined);
  }

  show(figures: MediaStats | undefined): void {
    for (const [name, cell] of this.#cells) setText(cell, FIGURES[name].read(figures ?? NOTHING));
  }
}
