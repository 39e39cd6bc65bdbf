import type { RoomId } from '#protocol/ids.ts';
import { readAddress } from '#protocol/room-link.ts';
import { effect, signal } from '@preact/signals-core';
import { takeCode } from '#client/credentials/link-code.ts';
import { redeemCode } from '#client/credentials/room-codes.ts';
import { watchLinkToken } from '#client/credentials/link-token.ts';
import { RoomOwnership } from '#client/credentials/room-ownership.ts';
import { createPublisher } from '#client/connection/publisher.ts';
import {
  type Devices,
  hasPermission,
  listDevices,
  onDevicesChanged,
  openCamera,
  openMicrophone,
  openScreen,
} from '#client/media/capture.ts';
import { PublisherFrames } from '#client/frame-sync/publisher/publisher-frames.ts';
import { OverlayLayer } from '#client/overlay/overlay-layer.ts';
import { find, setText } from '../ui/elements.ts';
import { offerPublisherFrames } from '../ui/frame-debug.ts';
import { allowOwnWorkers, readPageConfig, run } from '../ui/page.ts';
import { StatusPill } from '../ui/status-pill.ts';
import { BroadcastControl } from './broadcast-control.ts';
import { BroadcastMemory } from './broadcast-memory.ts';
import { bindBroadcast, isWanted } from './broadcast-view.ts';
import { CameraControl } from './camera-control.ts';
import { bindDevicesCard } from './devices-card.ts';
import { MicrophoneControl } from './microphone-control.ts';
import { bindOverlayCard } from './overlay-card.ts';
import { OverlayControl } from './overlay-control.ts';
import { CodeControl } from './code-control.ts';
import { bindCodeNotice, bindOwnerCard } from './code-view.ts';
import { bindIntent } from './intent-view.ts';
import { OnAirIntent, readPageLoad } from './on-air-intent.ts';
import { OnAirLock } from './on-air-lock.ts';
import { bindPreview } from './preview.ts';
import { bindEncoder, bindIngest, type ProgramAccess } from './program-access.ts';
import { bindShareCard } from './share-card.ts';
import { overlaySources } from './sources/index.ts';

StatusPill.define();
allowOwnWorkers();

const { room } = readAddress(location);
// No room can have this name: the start page offers a new room.
if (room === undefined) location.replace('/');
else publishRoom(room);

function publishRoom(room: RoomId): void {
  setText(find('#title', HTMLElement), `Broadcast in room ${room}`);
  const video = find('#preview', HTMLVideoElement);
  const layer = new OverlayLayer(find('#overlay', HTMLCanvasElement), video);
  const frames = new PublisherFrames(video);
  const page = readPageConfig();
  const code = takeCode(location, history);
  const token = watchLinkToken(room, () => {
    const status = connection.status.peek();
    if (status === 'idle' || status === 'failed') location.reload();
  });
  const ownership = new RoomOwnership(room);
  const codes = new CodeControl({ ownership, redeem: (given) => redeemCode(room, given) });
  const lacksToken = page.tokens && token.value === undefined;
  const connection = createPublisher({ room, page, token, ownership, frames });
  const camera = new CameraControl({
    open: ({ from, deviceId }) => (from === 'screen' ? openScreen() : openCamera(deviceId)),
    list: async () => (await listDevices()).cameras,
    isPermitted: () => hasPermission('camera'),
  });
  const microphone = new MicrophoneControl({
    open: ({ deviceId }) => openMicrophone(deviceId),
    list: async () => (await listDevices()).microphones,
    isPermitted: () => hasPermission('microphone'),
  });
  const overlay = new OverlayControl({
    sources: overlaySources,
    frames,
    send: (message) => connection.sendOverlay(message),
    setState: (message) => connection.setOverlayState(message),
    preview: (message) => layer.apply(message),
    previewState: (entry) => layer.set(entry),
  });
  const memory = new BroadcastMemory(room, () => sessionStorage);
  const lock = new OnAirLock(room, navigator.locks);
  const intent = new OnAirIntent(memory, lock);
  const broadcast = new BroadcastControl({ connection, camera, microphone, overlay, memory, lock });
  const devices = followDevices(camera, microphone);

  effect(() => {
    const video = camera.video.value;
    frames.track = video.kind === 'on' ? video.track : undefined;
  });
  effect(() => {
    frames.isBroadcasting = isWanted(connection.status.value);
  });
  offerPublisherFrames(frames, (message) => connection.sendOverlay(message));

  bindPreview(camera, devices);
  bindDevicesCard(camera, microphone, devices);
  bindOverlayCard(overlay, overlaySources);
  bindShareCard(room, page, lacksToken);
  const access: ProgramAccess = {
    room,
    connection,
    ownership,
    token: page.tokens ? token.value : null,
  };
  bindIngest(access);
  bindEncoder(access);
  bindBroadcast({
    room,
    connection,
    broadcast,
    camera,
    microphone,
    tokens: page.tokens,
    lacksToken,
    asking: intent.asking,
  });
  // Where tokens decide, a link with a token continues anywhere.
  find('#owner-card', HTMLElement).hidden = page.tokens;
  if (!page.tokens) {
    bindOwnerCard(room, ownership, connection);
    bindCodeNotice(room, codes, connection);
    if (code !== undefined) codes.offer(code);
    window.addEventListener('hashchange', () => {
      const given = takeCode(location, history);
      if (given !== undefined) codes.offer(given);
    });
  }
  bindIntent({ intent, lock, broadcast });

  run(begin({ intent, broadcast, camera }), 'setting up');
  document.documentElement.dataset.ready = 'true';
}

/** Continues after a reload; otherwise shows the camera, if that needs no question, and waits for start. */
async function begin({
  intent,
  broadcast,
  camera,
}: {
  readonly intent: OnAirIntent;
  readonly broadcast: BroadcastControl;
  readonly camera: CameraControl;
}): Promise<void> {
  const before = await intent.decide(readPageLoad(), Date.now());
  if (before?.goOn === true) {
    await broadcast.resume(before.was);
    return;
  }
  if (before) broadcast.restoreOverlay(before.was);
  if (!(await hasPermission('camera')) || camera.video.value.kind !== 'off') return;
  if (before?.was.from !== 'camera') await camera.useCamera();
  else await camera.useRemembered(before.was.cameraId, before.was.cameraLabel ?? '');
}

/** The list of devices. Browsers reveal the names of devices only after one of them was opened. */
function followDevices(camera: CameraControl, microphone: MicrophoneControl) {
  const devices = signal<Devices>({ cameras: [], microphones: [] });
  const list = async () => {
    devices.value = await listDevices();
  };
  onDevicesChanged(() => {
    run(
      list().then(async () => {
        const { cameras, microphones } = devices.value;
        await camera.devicesChanged(cameras);
        await microphone.devicesChanged(microphones);
      }),
      'listing devices',
    );
  });
  effect(() => {
    void camera.video.value;
    void microphone.audio.value;
    run(list(), 'listing devices');
  });
  return devices;
}
