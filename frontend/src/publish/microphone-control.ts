import { computed, type ReadonlySignal } from '@preact/signals-core';
import type { Device } from '#client/media/capture.ts';
import type { CaptureFault } from '#client/media/capture-fault.ts';
import { SourceControl, type SourceDevices } from '#client/media/source-control.ts';
import { type Ended, type Identity, type SourceState } from '#client/media/source-machine.ts';

export type CapturedAudio =
  | { readonly kind: 'off' }
  | { readonly kind: 'opening' }
  | {
      readonly kind: 'on';
      readonly track: MediaStreamTrack;
      readonly deviceId: string | undefined;
      readonly label: string;
    }
  /** It ended on its own, and is opened again when it is back. */
  | { readonly kind: 'lost'; readonly deviceId: string | undefined; readonly label: string };

/** The microphone: off until the person turns it on. */
export class MicrophoneControl {
  readonly audio: ReadonlySignal<CapturedAudio>;
  /** What is the matter with the microphone, if anything. */
  readonly fault: ReadonlySignal<CaptureFault | undefined>;
  readonly #source: SourceControl;

  constructor(devices: SourceDevices) {
    this.#source = new SourceControl(devices);
    this.audio = computed(() => audioOf(this.#source.state.value));
    this.fault = computed(() => this.#source.fault.value ?? faultOf(this.#source.state.value));
  }

  /** Opens the microphone, or another one while it is on. */
  async turnOn(deviceId?: string): Promise<void> {
    await this.#source.open('microphone', deviceId);
  }

  /** After a reload: this microphone, or the next best one. */
  async turnOnRemembered(deviceId: string | undefined, label: string): Promise<void> {
    const remembered: Identity = { from: 'microphone', deviceId, label };
    await this.#source.open('microphone', deviceId, remembered);
  }

  /** Call this after each change of the devices: opens a lost microphone, or another default one. */
  devicesChanged(microphones: readonly Device[]): Promise<void> {
    return this.#source.devicesChanged(microphones);
  }

  turnOff(): void {
    this.#source.clear();
  }

  close(): void {
    this.turnOff();
  }
}

function audioOf(state: SourceState): CapturedAudio {
  switch (state.phase) {
    case 'none':
      return { kind: 'off' };
    case 'opening':
      return { kind: 'opening' };
    case 'live':
    case 'muted':
    case 'replacing': {
      const { track, deviceId, label } = state.source;
      return { kind: 'on', track, deviceId, label };
    }
    case 'ended':
      return { kind: 'lost', deviceId: state.was.deviceId, label: state.was.label };
    default:
      return state satisfies never;
  }
}

function faultOf(state: SourceState): CaptureFault | undefined {
  if (state.phase === 'ended') return goneFault(state);
  const isMuted = state.phase === 'muted' || (state.phase === 'replacing' && state.muted);
  return isMuted ? MUTED : undefined;
}

const MUTED: CaptureFault = {
  code: 'interrupted',
  title: 'Your system has switched the microphone off',
  advice:
    'A call, a privacy switch or another program may have it. The broadcast goes on without sound until the system gives it back.',
};

function goneFault({ was, needsPerson }: Ended): CaptureFault {
  const name = was.label === '' ? 'The microphone' : was.label;
  return {
    code: 'interrupted',
    title: `${name} is gone`,
    advice: needsPerson
      ? 'The broadcast continues without sound. Turn the microphone off and on again.'
      : 'The broadcast continues without sound. The microphone is turned on again automatically when it is back, or choose another.',
  };
}
