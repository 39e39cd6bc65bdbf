import type { RoomId } from '#protocol/ids.ts';
import { computed, effect } from '@preact/signals-core';
import { limitationWords } from '#client/connection/diagnosis-words.ts';
import type { ViewerConnection } from '#client/connection/types.ts';
import { connectViewer } from '#client/connection/viewer.ts';
import { watchLinkToken } from '#client/credentials/link-token.ts';
import { ViewerFrames } from '#client/frame-sync/viewer/viewer-frames.ts';
import { JitterBufferDelay } from '#client/media/jitter-buffer.ts';
import { PlayoutDelay } from '#client/overlay/playout-delay.ts';
import { LatestData } from '#client/overlay/latest-data.ts';
import { OverlayLayer } from '#client/overlay/overlay-layer.ts';
import { find, setText } from '../ui/elements.ts';
import { offerViewerFrames } from '../ui/frame-debug.ts';
import { allowOwnWorkers, readPageConfig } from '../ui/page.ts';
import { StatusPill } from '../ui/status-pill.ts';
import { WakeLock } from '../ui/wake-lock.ts';
import { Player } from './player.ts';
import { viewerWords } from './words.ts';

/** How often the server gets the match method, which it only counts. */
const REPORT_MATCH_EVERY_MS = 10_000;
/** While the browser plays nothing without a touch. */
const TAP = 'Tap to watch';

export interface Stage {
  readonly connection: ViewerConnection;
  readonly player: Player;
  readonly layer: OverlayLayer;
  readonly latest: LatestData;
  readonly playoutDelay: PlayoutDelay;
}

/**
 * Watches the room: connects, and shows the video, the overlay on it, the words over it and the
 * button for the sound. This is all that the join page and the embed page have in common.
 */
export function openStage(room: RoomId): Stage {
  const root = find('#player', HTMLElement);
  const video = find('#video', HTMLVideoElement);
  const slate = find('#slate', HTMLElement);
  const slateTitle = find('#slate-title', HTMLElement);
  const slateDetail = find('#slate-detail', HTMLElement);
  const watch = find('#watch', HTMLButtonElement);
  const sound = find('#sound', HTMLButtonElement);

  const connection = connect(room);
  allowOwnWorkers();
  const frames = new ViewerFrames();
  const playoutDelay = new PlayoutDelay();
  const bufferDelay = new JitterBufferDelay();
  const player = new Player(video, connection.stream);
  const layer = new OverlayLayer(find('#overlay', HTMLCanvasElement), video, {
    tagOf: (rtpTimestamp) => frames.tagOf(rtpTimestamp),
    nearest: (rtpTimestamp, toleranceTicks) => frames.nearest(rtpTimestamp, toleranceTicks),
    lateness: (ms) => playoutDelay.sample(ms, performance.now()),
  });
  frames.onTag = (rtpTimestamp) => layer.tagArrived(rtpTimestamp);
  const latest = new LatestData();
  const wakeLock = new WakeLock();

  setText(find('#title', HTMLElement), `Broadcast ${room}`);
  connection.watch(video);
  connection.useFrames({
    started: frames.started,
    attach: (receiver, kind) => {
      bufferDelay.add(receiver);
      if (kind === 'video') frames.attach(receiver);
    },
  });
  effect(() => {
    bufferDelay.delayMs = playoutDelay.delayMs.value;
  });
  offerViewerFrames(layer, playoutDelay);
  setInterval(() => {
    const { method } = layer.matchStats ?? {};
    if (method) connection.reportMatch(method);
  }, REPORT_MATCH_EVERY_MS);
  connection.onOverlay((message) => {
    layer.apply(message);
    latest.apply(message);
  });
  connection.onOverlayState((entry) => {
    layer.set(entry);
    latest.set(entry);
  });
  connection.onOverlayReset(() => {
    frames.reset();
    layer.reset();
    latest.reset();
  });

  const words = computed(() =>
    viewerWords(
      connection.status.value,
      connection.room.value,
      connection.failure.value,
      connection.video.value,
      connection.diagnosis.value,
    ),
  );

  effect(() => {
    const { tone, short, slate: over, frame } = words.value;
    // While the browser blocks playback no frame is shown, so the page must not look live.
    const videoIsDue = ['connecting', 'live', 'reconnecting'].includes(connection.status.value);
    const blocked = player.blocked.value && videoIsDue;
    const said = blocked ? TAP : short;
    find('#status', StatusPill).show(connection.status.value, blocked ? 'idle' : tone, said);
    root.dataset.status = connection.status.value;
    root.dataset.frame = frame;
    layer.drawsWithoutVideo = frame === 'dimmed-under-overlay';
    root.toggleAttribute('data-blocked', blocked);
    slate.hidden = over === undefined && !blocked;
    setText(slateTitle, blocked ? '' : (over?.title ?? ''));
    setText(slateDetail, blocked ? '' : (over?.detail ?? ''));
    watch.hidden = !blocked;
    document.title = `${said} · ${room} – Onecast`;
  });

  effect(() => {
    const limitation = connection.limitation.value;
    const said = limitation && limitationWords(limitation, 'viewer');
    setText(find('#limit-title', HTMLElement), said?.title ?? '');
    setText(find('#limit-detail', HTMLElement), said?.detail ?? '');
    find('#limit', HTMLDetailsElement).hidden = said === undefined;
  });

  effect(() => {
    const live = connection.status.value === 'live';
    wakeLock.wanted = live && !player.blocked.value;
    // The tracks of the stream were replaced: some browsers stay paused after that.
    if (live) player.play();
  });

  effect(() => {
    sound.hidden = !connection.hasAudio.value;
    sound.toggleAttribute('data-muted', player.muted.value);
    setText(find('#sound-words', HTMLElement), player.muted.value ? 'Unmute' : 'Mute');
  });

  // Anywhere on it: people tap on the picture.
  slate.addEventListener('click', () => {
    if (player.blocked.peek()) player.play();
  });
  sound.addEventListener('click', () => player.setMuted(!player.muted.peek()));
  return { connection, player, layer, latest, playoutDelay };
}

/** Connects with the token of the page's link. */
function connect(room: RoomId): ViewerConnection {
  const token = watchLinkToken(room, () => {
    // The person opened a new link in this tab after the old one was refused. A running broadcast
    // is left alone.
    if (connection.status.peek() === 'failed') location.reload();
  });
  const connection = connectViewer({ room, page: readPageConfig(), token });
  return connection;
}

/** Shows that the name in the link can't be a room's. */
export function showNoSuchRoom(): void {
  find('#status', StatusPill).show('failed', 'trouble', 'No such room');
  find('#player', HTMLElement).dataset.status = 'failed';
  setText(find('#slate-title', HTMLElement), 'This link leads to no room');
  setText(
    find('#slate-detail', HTMLElement),
    'A room’s name has 3 to 64 letters, digits, - or _. Ask for the link again.',
  );
}
