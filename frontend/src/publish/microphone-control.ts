import { type ReadonlySignal, signal } from '@preact/signals-core';
import type { CaptureResult } from '#client/media/capture.ts';
import type { CaptureFault } from '#client/media/capture-fault.ts';

export type Sound =
  | { readonly kind: 'off' }
  | { readonly kind: 'opening' }
  | {
      readonly kind: 'on';
      readonly track: MediaStreamTrack;
      readonly deviceId: string | undefined;
    };

const LOST: CaptureFault = {
  code: 'interrupted',
  title: 'The microphone is gone',
  advice: 'The broadcast goes on without sound. Turn the microphone on again when it is back.',
};

/** The microphone: off until a person turns it on, and off again when it is lost. */
export class MicrophoneControl {
  readonly #open: (deviceId: string | undefined) => Promise<CaptureResult>;
  readonly #sound = signal<Sound>({ kind: 'off' });
  readonly #fault = signal<CaptureFault | undefined>(undefined);
  #track: MediaStreamTrack | undefined;
  #wish = 0;

  constructor(open: (deviceId: string | undefined) => Promise<CaptureResult>) {
    this.#open = open;
  }

  get sound(): ReadonlySignal<Sound> {
    return this.#sound;
  }

  get fault(): ReadonlySignal<CaptureFault | undefined> {
    return this.#fault;
  }

  /** Also changes the device while it is on. */
  async turnOn(deviceId?: string): Promise<void> {
    this.#wish += 1;
    const wish = this.#wish;
    this.#fault.value = undefined;
    if (this.#track === undefined) this.#sound.value = { kind: 'opening' };
    const captured = await this.#open(deviceId);
    if (wish !== this.#wish) {
      if (captured.ok) captured.track.stop();
      return;
    }
    if (!captured.ok) {
      this.#fault.value = captured.fault;
      if (this.#track === undefined) this.#sound.value = { kind: 'off' };
      return;
    }
    const { track } = captured;
    const before = this.#track;
    this.#track = track;
    track.addEventListener('ended', () => {
      if (this.#track !== track) return;
      this.turnOff();
      this.#fault.value = LOST;
    });
    this.#sound.value = { kind: 'on', track, deviceId: track.getSettings().deviceId };
    before?.stop();
  }

  turnOff(): void {
    this.#wish += 1;
    this.#fault.value = undefined;
    const track = this.#track;
    this.#track = undefined;
    this.#sound.value = { kind: 'off' };
    track?.stop();
  }

  close(): void {
    this.turnOff();
  }
}
