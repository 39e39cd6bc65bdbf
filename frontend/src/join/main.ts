import type { RoomId } from '#protocol/ids.ts';
import { readAddress } from '#protocol/room-link.ts';
import { effect } from '@preact/signals-core';
import { find, setText } from '../ui/elements.ts';
import { formatViewers } from '../ui/format.ts';
import { bindDiagnostics, StatsPanel } from '../ui/stats-panel.ts';
import { StatusPill } from '../ui/status-pill.ts';
import { DataPanel } from './data-panel.ts';
import { bindFullScreen } from './full-screen.ts';
import { IdleControls } from './idle-controls.ts';
import { bindJoinSteps } from './join-steps.ts';
import { bindOverlayStats } from './overlay-stats.ts';
import { openStage, showNoSuchRoom } from './stage.ts';

StatusPill.define();

const root = find('#player', HTMLElement);
const button = (id: string) => find(`#${id}`, HTMLButtonElement);

const { room } = readAddress(location);
if (room === undefined) {
  showNoSuchRoom();
  find('#slate-home', HTMLAnchorElement).hidden = false;
} else watchRoom(room);
document.documentElement.dataset.ready = 'true';

function watchRoom(room: RoomId): void {
  const { connection, player, layer, latest, playoutDelay } = openStage(room);

  const controls = new IdleControls(
    find('#stage', HTMLElement),
    find('#video-box', HTMLElement),
    () =>
      connection.status.peek() === 'live' &&
      !player.blocked.peek() &&
      find('#panels', HTMLElement).hidden === true,
  );
  effect(() => {
    // Shows the controls after each of these changes.
    void connection.status.value;
    void connection.room.value;
    void connection.limitation.value;
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

  const stats = new StatsPanel(find('#media-stats', HTMLDListElement), [
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
  bindJoinSteps(connection.joinTrace);
  bindDiagnostics(connection);
  const overlayStats = bindOverlayStats(playoutDelay, () => layer.matchStats);
  let stopPolling = () => {};
  bindPanel('stats', (open) => {
    overlayStats.open = open;
    stopPolling();
    if (open) stopPolling = stats.poll(connection, 'receive');
  });
  bindPanel('data', (open) => {
    data.open = open;
  });
}

/** Makes the button `<id>-toggle` open and close the panel `<id>`. */
function bindPanel(id: 'stats' | 'data', toggled: (open: boolean) => void): void {
  const panels = find('#panels', HTMLElement);
  const panel = find(`#${id}`, HTMLElement);
  const toggle = button(`${id}-toggle`);
  toggle.addEventListener('click', () => {
    panel.hidden = !panel.hidden;
    toggle.setAttribute('aria-expanded', String(!panel.hidden));
    panels.hidden = panels.querySelector('.panel:not([hidden])') === null;
    toggled(!panel.hidden);
  });
}
