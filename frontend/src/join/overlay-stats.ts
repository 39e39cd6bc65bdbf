import { effect } from '@preact/signals-core';
import type { MatchMethod } from '#protocol/overlay.ts';
import type { MatchStats } from '#client/frame-sync/viewer/frame-match.ts';
import {
  PLAYOUT_DELAY,
  type PlayoutDelay,
  type PlayoutDelayMode,
} from '#client/overlay/playout-delay.ts';
import { find, setText } from '../ui/elements.ts';
import { formatCount, formatMilliseconds } from '../ui/format.ts';

const POLL_MS = 1_000;

const METHODS: Record<MatchMethod, string> = {
  tag: 'Exact frame (tag)',
  rtp: 'Exact frame (RTP time)',
  time: 'Nearest capture time',
  newest: 'Newest picture',
};

/** The stats of the overlay, and the choice of the playout delay. They update only while open. */
export function bindOverlayStats(
  playoutDelay: PlayoutDelay,
  readStats: () => MatchStats | undefined,
): { set open(open: boolean) } {
  const player = find('#player', HTMLElement);
  const choice = find('#playout-delay', HTMLSelectElement);
  const cell = (name: string) => find(`#overlay-${name}`, HTMLElement);
  choice.addEventListener('change', () =>
    playoutDelay.setMode(modeOf(choice.value), performance.now()),
  );
  effect(() => {
    const delay = playoutDelay.delayMs.value;
    setText(cell('delay'), delay === 0 ? 'Not at all' : formatMilliseconds(delay));
  });

  const show = () => {
    const stats = readStats();
    const { method } = stats ?? {};
    player.dataset['overlayMatch'] = method ?? 'none';
    setText(cell('match'), method ? METHODS[method] : '–');
    setText(cell('late'), formatCount(stats?.late));
    setText(cell('dropped'), formatCount(stats?.dropped));
  };
  show();
  let timer: ReturnType<typeof setInterval> | undefined;
  return {
    set open(open: boolean) {
      clearInterval(timer);
      if (!open) return;
      show();
      timer = setInterval(show, POLL_MS);
    },
  };
}

function modeOf(value: string): PlayoutDelayMode {
  if (value === 'auto') return 'auto';
  const ms = Number(value);
  return ms > 0 && ms <= PLAYOUT_DELAY.delayMaxMs ? ms : 'off';
}
