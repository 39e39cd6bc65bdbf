import { computed, effect } from '@preact/signals-core';
import { type Device, type Devices, canShareScreen } from '#client/media/capture.ts';
import { find, make, setText } from '../ui/elements.ts';
import { run } from '../ui/run.ts';
import type { ReadonlySignal } from '@preact/signals-core';
import type { CameraControl, Picture } from './camera-control.ts';
import type { MicrophoneControl } from './microphone-control.ts';

/** The choice of camera, screen and microphone. */
export function bindDevicesCard(
  camera: CameraControl,
  microphone: MicrophoneControl,
  devices: ReadonlySignal<Devices>,
): void {
  const cameraChoice = find('#camera', HTMLSelectElement);
  const screen = find('#screen', HTMLButtonElement);
  const sound = find('#microphone', HTMLInputElement);
  const soundChoice = find('#microphone-device', HTMLSelectElement);
  const soundField = find('#microphone-choice', HTMLElement);

  screen.hidden = !canShareScreen();
  screen.addEventListener('click', () => run(camera.useScreen(), 'sharing the screen'));
  cameraChoice.addEventListener('change', () => {
    if (cameraChoice.value !== '') run(camera.useCamera(cameraChoice.value), 'opening a camera');
  });
  sound.addEventListener('change', () => {
    if (sound.checked) run(microphone.turnOn(), 'opening the microphone');
    else microphone.turnOff();
  });
  soundChoice.addEventListener('change', () => {
    run(microphone.turnOn(soundChoice.value), 'opening a microphone');
  });

  effect(() => {
    const picture = camera.picture.value;
    const { cameras } = devices.value;
    const placeholder = cameraPlaceholder(picture);
    const selected = picture.kind === 'on' && picture.from === 'camera' ? picture.deviceId : '';
    fill(cameraChoice, cameras, selected ?? '', placeholder);
    cameraChoice.disabled = cameras.length === 0;
    // A wish that was refused leaves the choice where the picture is.
    void camera.fault.value;
  });

  const soundIs = computed(() => microphone.sound.value.kind);
  effect(() => {
    sound.checked = soundIs.value !== 'off';
    sound.disabled = soundIs.value === 'opening';
    void microphone.fault.value;
  });
  effect(() => {
    const now = microphone.sound.value;
    const { microphones } = devices.value;
    soundField.hidden = now.kind !== 'on' || microphones.length < 2;
    fill(soundChoice, microphones, (now.kind === 'on' ? now.deviceId : undefined) ?? '', undefined);
  });
}

function cameraPlaceholder(picture: Picture): string | undefined {
  if (picture.kind === 'on') return picture.from === 'screen' ? 'The screen is shown' : undefined;
  if (picture.kind === 'opening') return 'Opening…';
  if (picture.kind === 'lost') return 'Choose a camera';
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
