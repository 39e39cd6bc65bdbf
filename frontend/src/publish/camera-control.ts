import { computed, type ReadonlySignal } from '@preact/signals-core';
import type { Device } from '#client/media/capture.ts';
import type { CaptureFault } from '#client/media/capture-fault.ts';
import { SourceControl, type SourceDevices } from '#client/media/source-control.ts';
import type { Ended, Identity, OpenSource, SourceState } from '#client/media/source-machine.ts';

export type VideoSource = 'camera' | 'screen';

/** The video that the publisher has. */
export type CapturedVideo =
  | { readonly kind: 'off' }
  | { readonly kind: 'opening' }
  | {
      readonly kind: 'on';
      readonly from: VideoSource;
      readonly track: MediaStreamTrack;
      readonly deviceId: string | undefined;
      readonly label: string;
      /** The system gives no frames for now. */
      readonly muted: boolean;
      /** The label of the remembered camera that was not there. */
      readonly insteadOf: string | undefined;
    }
  /** The track ended on its own: unplugged, permission revoked, sharing stopped. */
  | {
      readonly kind: 'lost';
      readonly from: VideoSource;
      readonly deviceId: string | undefined;
      readonly label: string;
      /**
       * What it waits for: the device to be plugged in again, a device that is there to start again, or
       * the person.
       */
      readonly waitsFor: 'device' | 'start' | 'person';
    };

/** Owns the one video track: a camera or a screen. */
export class CameraControl {
  readonly video: ReadonlySignal<CapturedVideo>;
  /** Why the last request failed; the next request clears it. */
  readonly fault: ReadonlySignal<CaptureFault | undefined>;
  readonly #source: SourceControl;

  constructor(devices: SourceDevices) {
    this.#source = new SourceControl(devices);
    this.fault = this.#source.fault;
    this.video = computed(() => videoOf(this.#source.state.value));
  }

  /** Resolves to whether this request's video is there now. */
  useCamera(deviceId?: string): Promise<boolean> {
    return this.#source.open('camera', deviceId);
  }

  /** After a reload: this camera, or the next best one; if there is none, it waits for this one. */
  useRemembered(deviceId: string | undefined, label: string): Promise<boolean> {
    const remembered: Identity = { from: 'camera', deviceId, label };
    return this.#source.open('camera', deviceId, remembered);
  }

  /** After a reload: the screen was shared, and only the person can share it again. */
  missScreen(label: string): void {
    this.#source.missed({ from: 'screen', deviceId: undefined, label });
  }

  /** Call this while a person's click is being handled. Resolves as useCamera() does. */
  useScreen(): Promise<boolean> {
    return this.#source.open('screen');
  }

  /** Call this after each change of the devices: opens a lost or missing camera that is back. */
  devicesChanged(cameras: readonly Device[]): Promise<void> {
    return this.#source.devicesChanged(cameras);
  }

  close(): void {
    this.#source.clear();
  }
}

function videoOf(state: SourceState): CapturedVideo {
  switch (state.phase) {
    case 'none':
      return { kind: 'off' };
    case 'opening':
      return { kind: 'opening' };
    case 'live':
    case 'muted':
      return on(state.source, state.phase === 'muted');
    case 'replacing':
      return on(state.source, state.muted);
    case 'ended':
      return lost(state);
    default:
      return state satisfies never;
  }
}

function on(
  { from, track, deviceId, label, insteadOf }: OpenSource,
  muted: boolean,
): CapturedVideo {
  return { kind: 'on', from: videoSource(from), track, deviceId, label, muted, insteadOf };
}

function lost({ was, present, needsPerson }: Ended): CapturedVideo {
  const { deviceId } = was;
  const from = videoSource(was.from);
  const label = was.label === '' ? 'The camera' : was.label;
  const waitsFor = needsPerson ? 'person' : present === true ? 'start' : 'device';
  return { kind: 'lost', from, deviceId, label, waitsFor };
}

function videoSource(from: Identity['from']): VideoSource {
  return from === 'screen' ? 'screen' : 'camera';
}
