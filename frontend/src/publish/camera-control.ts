import { type ReadonlySignal, signal } from '@preact/signals-core';
import type { CaptureResult, Device } from '#client/media/capture.ts';
import type { CaptureFault } from '#client/media/capture-fault.ts';

export type PictureFrom = 'camera' | 'screen';

/** The picture that the publisher has. */
export type Picture =
  | { readonly kind: 'off' }
  | { readonly kind: 'opening' }
  | {
      readonly kind: 'on';
      readonly from: PictureFrom;
      readonly track: MediaStreamTrack;
      readonly deviceId: string | undefined;
      readonly label: string;
    }
  /** It ended without anybody here wanting it: unplugged, revoked, sharing stopped. */
  | {
      readonly kind: 'lost';
      readonly from: PictureFrom;
      readonly deviceId: string | undefined;
      readonly label: string;
      /** Seen to be missing from the devices since; when it is back it is taken again. */
      readonly gone: boolean;
    };

export interface CameraOpeners {
  camera(deviceId: string | undefined): Promise<CaptureResult>;
  screen(): Promise<CaptureResult>;
}

/**
 * Holds the one track that is the picture. While another is being opened the old one goes on, so that
 * a change of camera does not interrupt a broadcast. Of several wishes the newest wins.
 */
export class CameraControl {
  readonly #open: CameraOpeners;
  readonly #picture = signal<Picture>({ kind: 'off' });
  readonly #fault = signal<CaptureFault | undefined>(undefined);
  #settled: Exclude<Picture, { kind: 'opening' }> = { kind: 'off' };
  #wish = 0;

  constructor(open: CameraOpeners) {
    this.#open = open;
  }

  get picture(): ReadonlySignal<Picture> {
    return this.#picture;
  }

  /** Why the last wish was not fulfilled; gone with the next. */
  get fault(): ReadonlySignal<CaptureFault | undefined> {
    return this.#fault;
  }

  /** Resolves to whether there is a picture of this wish now. */
  async useCamera(deviceId?: string): Promise<boolean> {
    const wish = this.#begin();
    let captured = await this.#open.camera(deviceId);
    const held = this.#settled;
    if (
      wish === this.#wish &&
      !captured.ok &&
      captured.fault.code === 'in-use' &&
      held.kind === 'on' &&
      held.from === 'camera'
    ) {
      // Many phones open one camera at a time: let go of the old one and ask again.
      this.#lose(held, false);
      held.track.stop();
      captured = await this.#open.camera(deviceId);
    }
    return this.#finish(wish, 'camera', captured);
  }

  /** Must be called within a person's click. */
  async useScreen(): Promise<boolean> {
    const wish = this.#begin();
    return this.#finish(wish, 'screen', await this.#open.screen());
  }

  /** To be told of each change: a camera that was lost or missing is taken when it is back. */
  async devicesChanged(cameras: readonly Device[]): Promise<void> {
    const held = this.#settled;
    if (this.#picture.peek().kind === 'opening') return;
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
    this.#wish += 1;
    if (this.#settled.kind === 'on') this.#settled.track.stop();
    this.#settle({ kind: 'off' });
  }

  #begin(): number {
    this.#fault.value = undefined;
    if (this.#settled.kind !== 'on') this.#picture.value = { kind: 'opening' };
    this.#wish += 1;
    return this.#wish;
  }

  #finish(wish: number, from: PictureFrom, captured: CaptureResult): boolean {
    if (wish !== this.#wish) {
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
    const picture = { kind: 'on', from, track, deviceId, label: track.label } as const;
    track.addEventListener('ended', () => {
      if (this.#settled === picture) this.#lose(picture, false);
    });
    this.#settle(picture);
    if (before.kind === 'on') before.track.stop();
    return true;
  }

  #lose({ from, deviceId, label }: Extract<Picture, { kind: 'on' }>, gone: boolean): void {
    const name = label === '' ? 'The camera' : label;
    this.#settle({ kind: 'lost', from, deviceId, label: name, gone });
  }

  #settle(picture: Exclude<Picture, { kind: 'opening' }>): void {
    this.#settled = picture;
    this.#picture.value = picture;
  }
}
