import type { RoomId } from '#protocol/ids.ts';
import { effect, signal } from '@preact/signals-core';
import { watchLinkToken } from '#client/credentials/link-token.ts';
import { createPublisher } from '#client/connection/publisher.ts';
import type { PublisherStatus } from '#client/connection/types.ts';
import {
  type Devices,
  hasCameraPermission,
  listDevices,
  onDevicesChanged,
  openCamera,
  openMicrophone,
  openScreen,
} from '#client/media/capture.ts';
import { PublisherFrames } from '#client/frame-sync/publisher-frames.ts';
import { OverlayLayer } from '#client/overlay/layer.ts';
import { overlaySources } from './sources/index.ts';
import { defineElements } from '../ui/define.ts';
import { find, setText } from '../ui/elements.ts';
import { readPageConfig } from '../ui/page-config.ts';
import { roomFromPath } from '../ui/room-link.ts';
import { run } from '../ui/run.ts';
import { allowOwnWorkers } from '../ui/trusted-types.ts';
import { BroadcastControl } from './broadcast-control.ts';
import { bindBroadcast } from './broadcast-view.ts';
import { CameraControl } from './camera-control.ts';
import { bindDevicesCard } from './devices-card.ts';
import { offerFrameDebug } from './frame-debug.ts';
import { MicrophoneControl } from './microphone-control.ts';
import { BroadcastMemory } from './on-air-memory.ts';
import { bindOverlayCard } from './overlay-card.ts';
import { OverlayControl } from './overlay-control.ts';
import { bindPreview } from './preview.ts';
import { bindIngestCard } from './ingest-card.ts';
import { bindShareCard } from './share-card.ts';

defineElements();
allowOwnWorkers();

const room = roomFromPath(location.pathname);
// A room that cannot be is no place to stay: the start page makes one that can.
if (room === undefined) location.replace('/');
else publishRoom(room);

function publishRoom(room: RoomId): void {
  setText(find('#title', HTMLElement), `Broadcast in room ${room}`);
  const video = find('#preview', HTMLVideoElement);
  const layer = new OverlayLayer(find('#overlay', HTMLCanvasElement), video);
  const frames = new PublisherFrames(video);
  const page = readPageConfig();
  const token = watchLinkToken(room, () => {
    const status = connection.status.peek();
    if (status === 'idle' || status === 'failed') location.reload();
  });
  const lacksToken = page.tokens && token.value === undefined;
  const connection = createPublisher({ room, page, token, frames });
  const camera = new CameraControl({ camera: openCamera, screen: openScreen });
  const microphone = new MicrophoneControl(openMicrophone);
  const overlay = new OverlayControl({
    sources: overlaySources,
    frames,
    send: (message) => connection.sendOverlay(message),
    setState: (message) => connection.setOverlayState(message),
    preview: (message) => layer.apply(message),
    previewState: (entry) => layer.set(entry),
  });
  const memory = new BroadcastMemory(room, sessionStorage);
  const broadcast = new BroadcastControl({ connection, camera, microphone, overlay, memory });
  const devices = followDevices(camera, microphone);

  effect(() => {
    const picture = camera.picture.value;
    frames.track = picture.kind === 'on' ? picture.track : undefined;
  });
  effect(() => {
    frames.onAir = isOnAir(connection.status.value);
  });
  offerFrameDebug(frames, (message) => connection.sendOverlay(message));

  bindPreview(camera, devices);
  bindDevicesCard(camera, microphone, devices);
  bindOverlayCard(overlay, overlaySources);
  bindShareCard(room, page, lacksToken);
  bindIngestCard({ room, connection, token: page.tokens ? token.value : null });
  bindBroadcast({
    room,
    connection,
    broadcast,
    camera,
    microphone,
    lacksToken,
  });

  const was = memory.read();
  run(was === undefined ? openIfGranted(camera) : broadcast.goOn(was), 'setting up');
  document.documentElement.dataset.ready = 'true';
}

function isOnAir(status: PublisherStatus): boolean {
  return status === 'connecting' || status === 'live' || status === 'reconnecting';
}

async function openIfGranted(camera: CameraControl): Promise<void> {
  if ((await hasCameraPermission()) && camera.picture.value.kind === 'off')
    await camera.useCamera();
}

/** Devices come and go; and their names are only told once one of them was opened. */
function followDevices(camera: CameraControl, microphone: MicrophoneControl) {
  const devices = signal<Devices>({ cameras: [], microphones: [] });
  const list = async () => {
    devices.value = await listDevices();
  };
  onDevicesChanged(() => {
    run(
      list().then(() => camera.devicesChanged(devices.value.cameras)),
      'listing devices',
    );
  });
  effect(() => {
    void camera.picture.value;
    void microphone.sound.value;
    run(list(), 'listing devices');
  });
  return devices;
}
