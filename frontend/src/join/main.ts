import type { RoomId } from '#protocol/ids.ts';
import { computed, effect } from '@preact/signals-core';
import { connectViewer } from '../connection/viewer.ts';
import { LatestData } from '../overlay/latest.ts';
import { OverlayLayer } from '../overlay/layer.ts';
import { defineElements } from '../ui/define.ts';
import { find, setText } from '../ui/elements.ts';
import { FiguresPanel } from '../ui/figures-panel.ts';
import { formatViewers } from '../ui/format.ts';
import { readPageConfig } from '../ui/page-config.ts';
import { pollFigures } from '../ui/poll-figures.ts';
import { roomFromPath } from '../ui/room-link.ts';
import { StatusPill } from '../ui/status-pill.ts';
import { WakeLock } from '../ui/wake-lock.ts';
import { DataPanel } from './data-panel.ts';
import { bindFullScreen } from './full-screen.ts';
import { IdleControls } from './idle-controls.ts';
import { Player } from './player.ts';
import { viewerWords } from './words.ts';

defineElements();

const root = find('#player', HTMLElement);
const stage = find('#stage', HTMLElement);
const picture = find('#picture', HTMLElement);
const video = find('#video', HTMLVideoElement);
const status = find('#status', StatusPill);
const slate = find('#slate', HTMLElement);
const slateTitle = find('#slate-title', HTMLElement);
const slateDetail = find('#slate-detail', HTMLElement);
const slateHome = find('#slate-home', HTMLAnchorElement);
const button = (id: string) => find(`#${id}`, HTMLButtonElement);

const room = roomFromPath(location.pathname);
if (room === undefined) showNoSuchRoom();
else watchRoom(room);
document.documentElement.dataset.ready = 'true';

function showNoSuchRoom(): void {
  status.show('failed', 'trouble', 'No such room');
  root.dataset.status = 'failed';
  setText(slateTitle, 'This link leads to no room');
  setText(
    slateDetail,
    'A room’s name has 3 to 64 letters, digits, - or _. Ask for the link again.',
  );
  slateHome.hidden = false;
}

function watchRoom(room: RoomId): void {
  const connection = connectViewer({ room, page: readPageConfig() });
  const player = new Player(video, connection.stream);
  const layer = new OverlayLayer(find('#overlay', HTMLCanvasElement), video);
  const latest = new LatestData();
  const wakeLock = new WakeLock();

  setText(find('#title', HTMLElement), `Broadcast ${room}`);
  connection.watch(video);
  connection.onOverlay((message) => {
    layer.apply(message);
    latest.apply(message);
  });
  connection.onOverlayReset(() => {
    layer.reset();
    latest.reset();
  });

  const words = computed(() =>
    viewerWords(connection.status.value, connection.room.value, connection.failure.value),
  );
  const controls = new IdleControls(
    stage,
    picture,
    () =>
      connection.status.peek() === 'live' &&
      !player.blocked.peek() &&
      find('#panels', HTMLElement).hidden === true,
  );

  effect(() => {
    const { tone, short, slate: over, dimmed } = words.value;
    // While it may not play, no frame is shown, and the connection may not call itself live.
    const pictureIsDue = ['connecting', 'live', 'reconnecting'].includes(connection.status.value);
    const blocked = player.blocked.value && pictureIsDue;
    status.show(connection.status.value, tone, short);
    root.dataset.status = connection.status.value;
    root.toggleAttribute('data-dimmed', dimmed);
    root.toggleAttribute('data-blocked', blocked);
    slate.hidden = over === undefined && !blocked;
    setText(slateTitle, blocked ? '' : (over?.title ?? ''));
    setText(slateDetail, blocked ? '' : (over?.detail ?? ''));
    button('watch').hidden = !blocked;
    document.title = `${short} · ${room} – Onecast`;
    controls.wake();
  });

  effect(() => {
    const live = connection.status.value === 'live';
    wakeLock.wanted = live;
    // Tracks were swapped inside the stream: some browsers stay paused after that.
    if (live) player.play();
  });

  effect(() => {
    const view = connection.room.value;
    const shown = view !== undefined && view.viewers > 0;
    setText(find('#viewers', HTMLElement), shown ? formatViewers(view.viewers) : '');
  });

  effect(() => {
    const sound = button('sound');
    sound.hidden = !connection.hasAudio.value;
    sound.toggleAttribute('data-muted', player.muted.value);
    setText(find('#sound-words', HTMLElement), player.muted.value ? 'Unmute' : 'Mute');
  });

  button('watch').addEventListener('click', () => player.play());
  button('sound').addEventListener('click', () => player.setMuted(!player.muted.peek()));
  const toggle = button('overlay-toggle');
  toggle.addEventListener('click', () => {
    const visible = toggle.getAttribute('aria-pressed') !== 'true';
    toggle.setAttribute('aria-pressed', String(visible));
    layer.visible = visible;
  });
  bindFullScreen(button('fullscreen'), root, video);

  const figures = new FiguresPanel(find('#figures', HTMLDListElement), [
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
  let polling: AbortController | undefined;
  bindPanel('stats', (open) => {
    polling?.abort();
    polling = undefined;
    if (!open) return;
    polling = new AbortController();
    pollFigures(connection, 'receive', (now) => figures.show(now), polling.signal);
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
