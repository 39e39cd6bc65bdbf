import type { RoomId } from '#protocol/ids.ts';
import { computed, effect, type ReadonlySignal } from '@preact/signals-core';
import { limitationWords } from '#client/connection/diagnosis-words.ts';
import type { PublisherConnection, PublisherStatus } from '#client/connection/types.ts';
import { find, setText } from '../ui/elements.ts';
import { bindDiagnostics, StatsPanel } from '../ui/stats-panel.ts';
import { formatDuration, formatViewers } from '../ui/format.ts';
import { run } from '../ui/page.ts';
import { keepsEverything } from '../ui/page-storage.ts';
import { linkToNewRoom } from '../ui/room-link.ts';
import { StatusPill } from '../ui/status-pill.ts';
import { WakeLock } from '../ui/wake-lock.ts';
import type { BroadcastControl } from './broadcast-control.ts';
import type { CameraControl, CapturedVideo } from './camera-control.ts';
import type { Asking } from './on-air-intent.ts';
import type { MicrophoneControl } from './microphone-control.ts';
import { publisherWords, storageWords } from './words.ts';

const ACTIONS = { 'take-back': 'Take it back', 'try-again': 'Try again' } as const;

/** The buttons to start and stop, and everything that shows how the broadcast is doing. */
export function bindBroadcast({
  room,
  connection,
  broadcast,
  camera,
  microphone,
  tokens,
  lacksToken,
  asking,
}: {
  readonly room: RoomId;
  readonly connection: PublisherConnection;
  readonly broadcast: BroadcastControl;
  readonly camera: CameraControl;
  readonly microphone: MicrophoneControl;
  /** Whether tokens decide on this server who may broadcast. */
  readonly tokens: boolean;
  readonly lacksToken: boolean;
  readonly asking: ReadonlySignal<Asking | undefined>;
}): void {
  const start = find('#start', HTMLButtonElement);
  const stop = find('#stop', HTMLButtonElement);
  const again = find('#notice-start', HTMLButtonElement);
  const newRoom = find('#notice-new-room', HTMLAnchorElement);
  run(linkToNewRoom(newRoom), 'making a room');
  start.addEventListener('click', () => run(broadcast.start(), 'starting'));
  again.addEventListener('click', () => run(broadcast.start(), 'starting'));
  stop.addEventListener('click', () => run(broadcast.stop(), 'stopping'));

  const words = computed(() =>
    publisherWords(connection.status.value, connection.failure.value, {
      lacksToken,
      asking: asking.value,
      hasPicture: hasPicture(camera.video.value),
      diagnosis: connection.diagnosis.value,
    }),
  );
  const notice = computed(() => words.value.notice);

  effect(() => {
    const status = connection.status.value;
    const { tone, short } = words.value;
    find('#status', StatusPill).show(status, tone, short);
    find('#publish', HTMLElement).dataset.status = status;
    document.title = `${short} · ${room} – Onecast`;
    showNotice('notice', notice.value);
    const action = notice.value?.action;
    again.hidden = action !== 'take-back' && action !== 'try-again';
    if (action === 'take-back' || action === 'try-again') setText(again, ACTIONS[action]);
    newRoom.hidden = action !== 'new-room';
  });

  effect(() => {
    const status = connection.status.value;
    const wanted = isWanted(status);
    const active = document.activeElement;
    const focused = active === start || active === stop || active === again;
    // If the notice offers a button, a second one would only compete with it.
    start.hidden = wanted || notice.value?.action !== undefined;
    stop.hidden = !wanted;
    setText(find('#stop-words', HTMLElement), stopWords(status));
    // The button with the keyboard focus is hidden now: move the focus to the one in its place.
    if (focused) (wanted ? stop : start).focus();
  });

  effect(() => {
    // Without video, preview.ts shows the camera's fault in place of the video.
    const video = camera.video.value;
    const fault = microphone.fault.value ?? (video.kind === 'on' ? camera.fault.value : undefined);
    showNotice(
      'device-notice',
      fault ? { title: fault.title, detail: fault.advice } : substituteNotice(video),
    );
  });

  effect(() => {
    const limitation = connection.limitation.value;
    showNotice('limit-notice', limitation && limitationWords(limitation, 'publisher'));
  });

  effect(() => {
    setText(find('#viewers', HTMLElement), formatViewers(connection.room.value?.viewers ?? 0));
  });

  setText(find('#storage-notice-detail', HTMLElement), storageWords(tokens));
  effect(() => {
    // Storage may become full, or be allowed again, while the page is open.
    void connection.status.value;
    find('#storage-notice', HTMLElement).hidden = keepsEverything();
  });

  bindTime(broadcast);
  bindStats(connection);
  bindDiagnostics(connection);

  const wakeLock = new WakeLock();
  effect(() => {
    wakeLock.wanted = isWanted(connection.status.value);
  });
}

/** Whether the publisher is broadcasting or about to. */
export function isWanted(status: PublisherStatus): boolean {
  return status === 'connecting' || status === 'live' || status === 'reconnecting';
}

/** After a reload, another camera than the one that was on air. */
function substituteNotice(video: CapturedVideo) {
  if (video.kind !== 'on' || video.insteadOf === undefined) return undefined;
  return {
    title: `${video.insteadOf === '' ? 'Your camera' : video.insteadOf} is not there`,
    detail: `${video.label} is on air instead. You can choose another camera.`,
  };
}

function hasPicture(video: CapturedVideo): boolean {
  return video.kind === 'on' && !video.muted;
}

function stopWords(status: PublisherStatus): string {
  return status === 'connecting' ? 'Cancel' : 'Stop broadcast';
}

function showNotice(
  id: 'notice' | 'device-notice' | 'limit-notice',
  words: { readonly title: string; readonly detail: string } | undefined,
): void {
  setText(find(`#${id}-title`, HTMLElement), words?.title ?? '');
  setText(find(`#${id}-detail`, HTMLElement), words?.detail ?? '');
  find(`#${id}`, HTMLElement).hidden = words === undefined;
}

function bindTime(broadcast: BroadcastControl): void {
  const time = find('#time-live', HTMLElement);
  effect(() => {
    const startedAt = broadcast.startedAt.value;
    time.hidden = startedAt === undefined;
    if (startedAt === undefined) return undefined;
    const show = () => setText(time, formatDuration(Date.now() - startedAt));
    show();
    const timer = setInterval(show, 1000);
    return () => clearInterval(timer);
  });
}

function bindStats(connection: PublisherConnection): void {
  const stats = new StatsPanel(find('#media-stats', HTMLDListElement), [
    'resolution',
    'frameRate',
    'bitrate',
    'roundTrip',
    'loss',
  ]);
  effect(() => {
    if (!isWanted(connection.status.value)) {
      stats.clear();
      return undefined;
    }
    return stats.poll(connection, 'send');
  });
}
