import { computed, effect, type ReadonlySignal } from '@preact/signals-core';
import { type Device, type Devices, canShareScreen } from '#client/media/capture.ts';
import { find, make, setText } from '../ui/elements.ts';
import { run } from '../ui/page.ts';
import type { CameraControl, CapturedVideo } from './camera-control.ts';
import type { MicrophoneControl } from './microphone-control.ts';

/** The choice of camera, screen and microphone. */
export function bindDevicesCard(
  camera: CameraControl,
  microphone: MicrophoneControl,
  devices: ReadonlySignal<Devices>,
): void {
  const cameraChoice = find('#camera', HTMLSelectElement);
  const screen = find('#screen', HTMLButtonElement);
  const microphoneSwitch = find('#microphone', HTMLInputElement);
  const microphoneChoice = find('#microphone-device', HTMLSelectElement);
  const microphoneField = find('#microphone-choice', HTMLElement);

  screen.hidden = !canShareScreen();
  screen.addEventListener('click', () => run(camera.useScreen(), 'sharing the screen'));
  cameraChoice.addEventListener('change', () => {
    if (cameraChoice.value !== '') run(camera.useCamera(cameraChoice.value), 'opening a camera');
  });
  microphoneSwitch.addEventListener('change', () => {
    if (microphoneSwitch.checked) run(microphone.turnOn(), 'opening the microphone');
    else microphone.turnOff();
  });
  microphoneChoice.addEventListener('change', () => {
    run(microphone.turnOn(microphoneChoice.value), 'opening a microphone');
  });

  effect(() => {
    const video = camera.video.value;
    const { cameras } = devices.value;
    const placeholder = cameraPlaceholder(video);
    const selected = video.kind === 'on' && video.from === 'camera' ? video.deviceId : '';
    fill(cameraChoice, cameras, selected ?? '', placeholder);
    cameraChoice.disabled = cameras.length === 0;
    // After a failed request the choice goes back to the camera in use.
    void camera.fault.value;
  });

  const audioKind = computed(() => microphone.audio.value.kind);
  effect(() => {
    microphoneSwitch.checked = audioKind.value !== 'off';
    microphoneSwitch.disabled = audioKind.value === 'opening';
    // After a failed request the switch goes back too.
    void microphone.fault.value;
  });
  effect(() => {
    const audio = microphone.audio.value;
    const { microphones } = devices.value;
    microphoneField.hidden = audio.kind !== 'on' || microphones.length < 2;
    fill(
      microphoneChoice,
      microphones,
      (audio.kind === 'on' ? audio.deviceId : undefined) ?? '',
      undefined,
    );
  });
}

function cameraPlaceholder(video: CapturedVideo): string | undefined {
  if (video.kind === 'on') return video.from === 'screen' ? 'The screen is shown' : undefined;
  if (video.kind === 'opening') return 'Opening…';
  if (video.kind === 'lost') return 'Choose a camera';
  return 'Off';
}

function fill(
  select: HTMLSelectElement,
  devices: readonly Device[],
  selected: string,
  placeholder: string | undefined,
): void {
  const options = devices.map(({ id, label }) => {
    const option = make('option');
    option.value = id;
    setText(option, label);
    return option;
  });
  if (placeholder !== undefined) {
    const option = make('option', { text: placeholder });
    option.value = '';
    options.unshift(option);
  }
  select.replaceChildren(...options);
  select.value = placeholder === undefined ? selected : '';
}
