import { type ReadonlySignal, signal } from '@preact/signals-core';
import type { CaptureResult, Device } from '#client/media/capture.ts';
import type { CaptureFault } from '#client/media/capture-fault.ts';

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
    }
  /** The track ended on its own: unplugged, permission revoked, sharing stopped. */
  | {
      readonly kind: 'lost';
      readonly from: VideoSource;
      readonly deviceId: string | undefined;
      readonly label: string;
      /** Whether the device has disappeared from the list since; it is opened again when it is back. */
      readonly gone: boolean;
    };

export interface CameraOpeners {
  camera(deviceId: string | undefined): Promise<CaptureResult>;
  screen(): Promise<CaptureResult>;
}

/**
 * Owns the one video track. The old track continues while another one is being opened, so that a
 * change of camera does not interrupt a broadcast. Of several requests the newest wins.
 */
export class CameraControl {
  readonly #open: CameraOpeners;
  readonly #video = signal<CapturedVideo>({ kind: 'off' });
  readonly #fault = signal<CaptureFault | undefined>(undefined);
  #settled: Exclude<CapturedVideo, { kind: 'opening' }> = { kind: 'off' };
  #request = 0;

  constructor(open: CameraOpeners) {
    this.#open = open;
  }

  get video(): ReadonlySignal<CapturedVideo> {
    return this.#video;
  }

  /** Why the last request failed; the next request clears it. */
  get fault(): ReadonlySignal<CaptureFault | undefined> {
    return this.#fault;
  }

  /** Resolves to whether this request's video is there now. */
  async useCamera(deviceId?: string): Promise<boolean> {
    const request = this.#begin();
    let captured = await this.#open.camera(deviceId);
    const held = this.#settled;
    if (
      request === this.#request &&
      !captured.ok &&
      captured.fault.code === 'in-use' &&
      held.kind === 'on' &&
      held.from === 'camera'
    ) {
      // Many phones open only one camera at a time: stop the old one and try again.
      this.#lose(held, false);
      held.track.stop();
      captured = await this.#open.camera(deviceId);
    }
    return this.#finish(request, 'camera', captured);
  }

  /** Call this while a person's click is being handled. Resolves as useCamera() does. */
  async useScreen(): Promise<boolean> {
    const request = this.#begin();
    return this.#finish(request, 'screen', await this.#open.screen());
  }

  /** Call this after each change of the devices: opens a lost or missing camera that is back. */
  async devicesChanged(cameras: readonly Device[]): Promise<void> {
    const held = this.#settled;
    if (this.#video.peek().kind === 'opening') return;
    if (held.kind === 'off' && this.#fault.peek()?.code === 'missing') {
      await this.useCamera();
      return;
    }
    if (held.kind !== 'lost' || held.from !== 'camera' || held.deviceId === undefined) return;
    const present = cameras.some(({ id }) => id === held.deviceId);
    if (!present) this.#settle({ ...held, gone: true });
    else if (held.gone) await this.useCamera(held.deviceId);
  }

  close(): void {
    this.#request += 1;
    if (this.#settled.kind === 'on') this.#settled.track.stop();
    this.#settle({ kind: 'off' });
  }

  #begin(): number {
    this.#fault.value = undefined;
    if (this.#settled.kind !== 'on') this.#video.value = { kind: 'opening' };
    this.#request += 1;
    return this.#request;
  }

  #finish(request: number, from: VideoSource, captured: CaptureResult): boolean {
    if (request !== this.#request) {
      if (captured.ok) captured.track.stop();
      return false;
    }
    if (!captured.ok) {
      this.#fault.value = captured.fault;
      this.#settle(this.#settled);
      return false;
    }
    const before = this.#settled;
    const { track } = captured;
    const { deviceId } = track.getSettings();
    const video = { kind: 'on', from, track, deviceId, label: track.label } as const;
    track.addEventListener('ended', () => {
      if (this.#settled === video) this.#lose(video, false);
    });
    this.#settle(video);
    if (before.kind === 'on') before.track.stop();
    return true;
  }

  #lose({ from, deviceId, label }: Extract<CapturedVideo, { kind: 'on' }>, gone: boolean): void {
    const name = label === '' ? 'The camera' : label;
    this.#settle({ kind: 'lost', from, deviceId, label: name, gone });
  }

  #settle(video: Exclude<CapturedVideo, { kind: 'opening' }>): void {
    this.#settled = video;
    this.#video.value = video;
  }
}
