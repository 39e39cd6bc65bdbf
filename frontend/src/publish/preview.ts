import { type ReadonlySignal, effect } from '@preact/signals-core';
import { type Devices, canShareScreen } from '#client/media/capture.ts';
import { find, make, setText } from '../ui/elements.ts';
import { run, whenLoaded } from '../ui/page.ts';
import type { CameraControl } from './camera-control.ts';
import { type PreviewSlate, previewSlate } from './words.ts';

const OTHERS_SHOWN = 3;

/** The publisher's own video, or words and buttons in its place while there is none. */
export function bindPreview(camera: CameraControl, devices: ReadonlySignal<Devices>): void {
  const video = find('#preview', HTMLVideoElement);
  const slate = find('#preview-slate', HTMLElement);
  const title = find('#preview-title', HTMLElement);
  const detail = find('#preview-detail', HTMLElement);
  const actions = find('#preview-actions', HTMLElement);
  const stream = new MediaStream();
  whenLoaded(() => {
    video.srcObject = stream;
  });

  effect(() => {
    const captured = camera.video.value;
    const track = captured.kind === 'on' ? captured.track : undefined;
    for (const old of stream.getTracks()) if (old !== track) stream.removeTrack(old);
    if (track === undefined) return;
    stream.addTrack(track);
    // Before the stream is attached, the autoplay attribute starts it. A refusal is ignored: the next
    // track tries again.
    if (video.srcObject !== null) video.play().catch(() => undefined);
  });

  effect(() => {
    const words = previewSlate(camera.video.value, camera.fault.value);
    slate.hidden = words === undefined;
    setText(title, words?.title ?? '');
    setText(detail, words?.detail ?? '');
    actions.replaceChildren(...offers(words?.offer, camera, devices.value));
  });
}

function offers(offer: PreviewSlate['offer'], camera: CameraControl, devices: Devices): Node[] {
  const useCamera = (label: string, deviceId?: string) =>
    action(label, () => camera.useCamera(deviceId));
  const shareScreen = canShareScreen()
    ? [action('Share screen', () => camera.useScreen(), 'button button-outline')]
    : [];
  switch (offer) {
    case 'camera':
      return [useCamera('Turn on camera'), ...shareScreen];
    case 'again':
      return [useCamera('Try again'), ...shareScreen];
    case 'screen':
      return [...shareScreen, useCamera('Use the camera')];
    case 'others':
      return devices.cameras.slice(0, OTHERS_SHOWN).map(({ id, label }) => useCamera(label, id));
    case undefined:
      return [];
    default:
      return offer satisfies never;
  }
}

function action(label: string, act: () => Promise<boolean>, className = 'button'): HTMLElement {
  const button = make('button', { text: label, className });
  button.type = 'button';
  button.addEventListener('click', () => run(act(), label));
  return button;
}
