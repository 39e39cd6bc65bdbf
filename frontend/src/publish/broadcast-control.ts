import { effect, signal, untracked } from '@preact/signals-core';
import type { PublisherConnection } from '#client/connection/types.ts';
import type { CameraControl, Picture } from './camera-control.ts';
import type { MicrophoneControl } from './microphone-control.ts';
import type { RememberedBroadcast, BroadcastMemory } from './on-air-memory.ts';
import type { OverlayControl } from './overlay-control.ts';

/**
 * Start and stop: brings the picture, the sound and the overlay to the connection, and remembers
 * what a reload needs to go on as it was.
 */
export class BroadcastControl {
  readonly #connection: PublisherConnection;
  readonly #camera: CameraControl;
  readonly #microphone: MicrophoneControl;
  readonly #overlay: OverlayControl;
  readonly #memory: BroadcastMemory;
  /** When this broadcast was started, ms since 1970; undefined while none is wanted. */
  readonly startedAt = signal<number | undefined>(undefined);
  #starting = false;

  constructor(parts: {
    readonly connection: PublisherConnection;
    readonly camera: CameraControl;
    readonly microphone: MicrophoneControl;
    readonly overlay: OverlayControl;
    readonly memory: BroadcastMemory;
  }) {
    this.#connection = parts.connection;
    this.#camera = parts.camera;
    this.#microphone = parts.microphone;
    this.#overlay = parts.overlay;
    this.#memory = parts.memory;
    this.#followTracks();
    this.#followStatus();
    this.#remember();
  }

  /** Turns the camera on first where there is no picture yet. Pressed twice it starts once. */
  async start(startedAt = Date.now()): Promise<void> {
    if (this.#starting) return;
    this.#starting = true;
    try {
      if ((await this.#settledPicture()).kind !== 'on') await this.#camera.useCamera();
    } finally {
      this.#starting = false;
    }
    const picture = this.#camera.picture.value;
    if (picture.kind !== 'on') return;
    const sound = this.#microphone.sound.value;
    this.startedAt.value = startedAt;
    this.#connection.start({
      video: picture.track,
      audio: sound.kind === 'on' ? sound.track : undefined,
    });
  }

  async stop(): Promise<void> {
    this.startedAt.value = undefined;
    await this.#connection.stop();
  }

  /** After a reload: everything as it was, and on air again. A screen has to be asked for anew. */
  async goOn(was: RememberedBroadcast): Promise<void> {
    this.#overlay.setNote(was.note);
    this.#overlay.choose(was.overlay);
    if (was.from === 'screen') return;
    const sound =
      was.microphoneId === undefined
        ? Promise.resolve()
        : this.#microphone.turnOn(was.microphoneId === '' ? undefined : was.microphoneId);
    // The picture does not wait for the sound: the viewers wait for the picture.
    if (await this.#camera.useCamera(was.cameraId)) await this.start(was.startedAt);
    await sound;
  }

  #followTracks(): void {
    effect(() => {
      const picture = this.#camera.picture.value;
      if (picture.kind === 'on' && this.#sending()) this.#connection.setVideo(picture.track);
    });
    effect(() => {
      const sound = this.#microphone.sound.value;
      if (sound.kind === 'opening' || !this.#sending()) return;
      this.#connection.setAudio(sound.kind === 'on' ? sound.track : undefined);
    });
  }

  #followStatus(): void {
    effect(() => {
      const status = this.#connection.status.value;
      // A new broadcast, or one whose channel was away, has not heard the last word.
      if (status === 'live') untracked(() => this.#overlay.sendAgain());
      if (status === 'superseded' || status === 'failed') this.startedAt.value = undefined;
    });
  }

  #remember(): void {
    effect(() => {
      const startedAt = this.startedAt.value;
      if (startedAt === undefined) return;
      const picture = this.#camera.picture.value;
      const sound = this.#microphone.sound.value;
      if (picture.kind !== 'on' && picture.kind !== 'lost') return;
      this.#memory.write({
        from: picture.from,
        ...(picture.from === 'camera' && picture.deviceId !== undefined
          ? { cameraId: picture.deviceId }
          : {}),
        ...(sound.kind === 'on' ? { microphoneId: sound.deviceId ?? '' } : {}),
        overlay: this.#overlay.chosen.value,
        note: this.#overlay.note.value,
        startedAt,
      });
    });
    let was = false;
    effect(() => {
      const on = this.startedAt.value !== undefined;
      if (was && !on) this.#memory.forget();
      was = on;
    });
  }

  /** The picture once the camera that is being opened is open, or has refused. */
  #settledPicture(): Promise<Picture> {
    return new Promise((resolve) => {
      const stop = effect(() => {
        const picture = this.#camera.picture.value;
        if (picture.kind === 'opening') return;
        resolve(picture);
        queueMicrotask(() => stop());
      });
    });
  }

  #sending(): boolean {
    const status = this.#connection.status.peek();
    return status !== 'idle' && status !== 'superseded' && status !== 'failed';
  }
}
