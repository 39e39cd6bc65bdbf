import type { RoomId } from '#protocol/ids.ts';
import { effect } from '@preact/signals-core';
import { defineElements } from '../ui/define.ts';
import { find, setText } from '../ui/elements.ts';
import { StatsPanel } from '../ui/stats-panel.ts';
import { formatViewers } from '../ui/format.ts';
import { pollStats } from '../ui/poll-stats.ts';
import { roomFromPath } from '../ui/room-link.ts';
import { DataPanel } from './data-panel.ts';
import { bindFullScreen } from './full-screen.ts';
import { IdleControls } from './idle-controls.ts';
import { bindPlayoutDelayControl } from './playout-delay-control.ts';
import { bindJoinPanel } from './join-panel.ts';
import { bindStage, showNoSuchRoom } from './stage.ts';
import { watch } from './watch.ts';

defineElements();

const root = find('#player', HTMLElement);
const button = (id: string) => find(`#${id}`, HTMLButtonElement);

const room = roomFromPath(location.pathname);
if (room === undefined) {
  showNoSuchRoom();
  find('#slate-home', HTMLAnchorElement).hidden = false;
} else watchRoom(room);
document.documentElement.dataset.ready = 'true';

function watchRoom(room: RoomId): void {
  const connection = watch(room);
  const { player, layer, latest, inStep } = bindStage(connection, room);

  const controls = new IdleControls(
    find('#stage', HTMLElement),
    find('#picture', HTMLElement),
    () =>
      connection.status.peek() === 'live' &&
      !player.blocked.peek() &&
      find('#panels', HTMLElement).hidden === true,
  );
  effect(() => {
    // Whatever changes is seen.
    void connection.status.value;
    void connection.room.value;
    void player.blocked.value;
    controls.wake();
  });

  effect(() => {
    const view = connection.room.value;
    const shown = view !== undefined && view.viewers > 0;
    setText(find('#viewers', HTMLElement), shown ? formatViewers(view.viewers) : '');
  });

  const toggle = button('overlay-toggle');
  toggle.addEventListener('click', () => {
    const visible = toggle.getAttribute('aria-pressed') !== 'true';
    toggle.setAttribute('aria-pressed', String(visible));
    layer.visible = visible;
  });
  bindFullScreen(button('fullscreen'), root, find('#video', HTMLVideoElement));

  const figures = new StatsPanel(find('#figures', HTMLDListElement), [
    'resolution',
    'frameRate',
    'bitrate',
    'roundTrip',
    'loss',
    'dropped',
    'codec',
  ]);
  const data = new DataPanel(
    latest,
    find('#topics', HTMLElement),
    find('#data-empty', HTMLElement),
  );
  bindJoinPanel(connection.joinTrace);
  const overlayFigures = bindPlayoutDelayControl(inStep, () => layer.figures);
  let polling: AbortController | undefined;
  bindPanel('stats', (open) => {
    overlayFigures.open = open;
    polling?.abort();
    polling = undefined;
    if (!open) return;
    polling = new AbortController();
    pollStats(connection, 'receive', (now) => figures.show(now), polling.signal);
  });
  bindPanel('data', (open) => {
    data.open = open;
  });
}

/** A button that opens and closes the panel of the same name. */
function bindPanel(id: 'stats' | 'data', opened: (open: boolean) => void): void {
  const panels = find('#panels', HTMLElement);
  const panel = find(`#${id}`, HTMLElement);
  const toggle = button(`${id}-toggle`);
  toggle.addEventListener('click', () => {
    panel.hidden = !panel.hidden;
    toggle.setAttribute('aria-expanded', String(!panel.hidden));
    panels.hidden = panels.querySelector('.panel:not([hidden])') === null;
    opened(!panel.hidden);
  });
}
