import { type ReadonlySignal, signal } from '@preact/signals-core';
import type { CaptureResult } from '#client/media/capture.ts';
import type { CaptureFault } from '#client/media/capture-fault.ts';

export type CapturedAudio =
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
  advice: 'The broadcast continues without sound. Turn the microphone on again when it is back.',
};

/** The microphone: off until the person turns it on, and off again when it is lost. */
export class MicrophoneControl {
  readonly #open: (deviceId: string | undefined) => Promise<CaptureResult>;
  readonly #audio = signal<CapturedAudio>({ kind: 'off' });
  readonly #fault = signal<CaptureFault | undefined>(undefined);
  #track: MediaStreamTrack | undefined;
  #request = 0;

  constructor(open: (deviceId: string | undefined) => Promise<CaptureResult>) {
    this.#open = open;
  }

  get audio(): ReadonlySignal<CapturedAudio> {
    return this.#audio;
  }

  get fault(): ReadonlySignal<CaptureFault | undefined> {
    return this.#fault;
  }

  /** Opens the microphone, or another one while it is on. */
  async turnOn(deviceId?: string): Promise<void> {
    this.#request += 1;
    const request = this.#request;
    this.#fault.value = undefined;
    if (this.#track === undefined) this.#audio.value = { kind: 'opening' };
    const captured = await this.#open(deviceId);
    if (request !== this.#request) {
      if (captured.ok) captured.track.stop();
      return;
    }
    if (!captured.ok) {
      this.#fault.value = captured.fault;
      if (this.#track === undefined) this.#audio.value = { kind: 'off' };
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
    this.#audio.value = { kind: 'on', track, deviceId: track.getSettings().deviceId };
    before?.stop();
  }

  turnOff(): void {
    this.#request += 1;
    this.#fault.value = undefined;
    const track = this.#track;
    this.#track = undefined;
    this.#audio.value = { kind: 'off' };
    track?.stop();
  }

  close(): void {
    this.turnOff();
  }
}
