import { computed, effect, signal, untracked } from '@preact/signals-core';
import type { PublisherConnection } from '#client/connection/types.ts';
import type { CameraControl, CapturedVideo } from './camera-control.ts';
import type { MicrophoneControl } from './microphone-control.ts';
import type { RememberedBroadcast, BroadcastMemory } from './broadcast-memory.ts';
import type { OnAirLock } from './on-air-lock.ts';
import type { OverlayControl } from './overlay-control.ts';

/** How often the tab's storage gets the time: after a crash its age says whether to continue. */
const SEEN_MS = 10_000;

/**
 * Starts and stops the broadcast: passes video, audio and overlay to the connection, and remembers
 * what a reloaded page needs to continue.
 */
export class BroadcastControl {
  readonly #connection: PublisherConnection;
  readonly #camera: CameraControl;
  readonly #microphone: MicrophoneControl;
  readonly #overlay: OverlayControl;
  readonly #memory: BroadcastMemory;
  readonly #lock: OnAirLock;
  /** When the person started this broadcast, ms since 1970; undefined while there is none. */
  readonly startedAt = signal<number | undefined>(undefined);
  #starting = false;

  constructor(parts: {
    readonly connection: PublisherConnection;
    readonly camera: CameraControl;
    readonly microphone: MicrophoneControl;
    readonly overlay: OverlayControl;
    readonly memory: BroadcastMemory;
    readonly lock: OnAirLock;
  }) {
    this.#connection = parts.connection;
    this.#camera = parts.camera;
    this.#microphone = parts.microphone;
    this.#overlay = parts.overlay;
    this.#memory = parts.memory;
    this.#lock = parts.lock;
    this.#followTracks();
    this.#followStatus();
    this.#remember();
  }

  /** Turns the camera on first if there is no video yet. A second call meanwhile does nothing. */
  async start(startedAt = Date.now()): Promise<void> {
    if (this.#starting) return;
    this.#starting = true;
    try {
      if ((await this.#settledVideo()).kind !== 'on') await this.#camera.useCamera();
    } finally {
      this.#starting = false;
    }
    if (this.#camera.video.value.kind === 'on') this.#goOnAir(startedAt);
  }

  #goOnAir(startedAt: number): void {
    const video = this.#camera.video.value;
    const audio = this.#microphone.audio.value;
    this.startedAt.value = startedAt;
    this.#connection.start({
      video: video.kind === 'on' ? video.track : undefined,
      audio: audio.kind === 'on' ? audio.track : undefined,
    });
  }

  async stop(): Promise<void> {
    this.startedAt.value = undefined;
    await this.#connection.stop();
  }

  /** Stops sending because the page goes away. Viewers wait, as after any loss of the publisher. */
  leave(): void {
    this.startedAt.value = undefined;
    this.#connection.close();
  }

  /** Restores the overlay of a broadcast that was, without going on air. */
  restoreOverlay(was: RememberedBroadcast): void {
    this.#overlay.setNote(was.note);
    this.#overlay.choose(was.overlay);
  }

  /**
   * After a reload: restores everything and goes on air again, with what there is. A shared screen
   * comes back with a click only: browsers require it.
   */
  async resume(was: RememberedBroadcast): Promise<void> {
    this.restoreOverlay(was);
    const audio =
      was.microphoneId === undefined
        ? Promise.resolve()
        : this.#microphone.turnOnRemembered(
            was.microphoneId === '' ? undefined : was.microphoneId,
            was.microphoneLabel ?? '',
          );
    // Do not wait for the microphone: the viewers wait for the video.
    if (was.from === 'screen') this.#camera.missScreen(was.cameraLabel ?? '');
    else await this.#camera.useRemembered(was.cameraId, was.cameraLabel ?? '');
    // Without a camera too: sound and overlay go on, and the page waits for the camera.
    this.#goOnAir(was.startedAt);
    await audio;
  }

  #followTracks(): void {
    effect(() => {
      const video = this.#camera.video.value;
      if (video.kind === 'opening' || !this.#sending()) return;
      this.#connection.setVideo(video.kind === 'on' ? video.track : undefined);
    });
    effect(() => {
      const audio = this.#microphone.audio.value;
      if (audio.kind === 'opening' || !this.#sending()) return;
      this.#connection.setAudio(audio.kind === 'on' ? audio.track : undefined);
    });
  }

  #followStatus(): void {
    effect(() => {
      const status = this.#connection.status.value;
      // A new broadcast, or one whose overlay channel was lost, lacks the newest messages.
      if (status === 'live') untracked(() => this.#overlay.sendAgain());
      if (status === 'superseded' || status === 'failed') this.startedAt.value = undefined;
    });
  }

  #remember(): void {
    const write = () => {
      const startedAt = this.startedAt.value;
      if (startedAt === undefined) return;
      const video = this.#camera.video.value;
      const audio = this.#microphone.audio.value;
      if (video.kind === 'opening') return;
      this.#memory.write({
        ...sourceOf(video),
        ...(audio.kind === 'on' || audio.kind === 'lost'
          ? { microphoneId: audio.deviceId ?? '' }
          : {}),
        microphoneLabel: 'label' in audio ? audio.label : '',
        overlay: this.#overlay.chosen.value,
        note: this.#overlay.note.value,
        startedAt,
        seenAt: Date.now(),
      });
    };
    effect(write);
    const isStarted = computed(() => this.startedAt.value !== undefined);
    effect(() => {
      if (!isStarted.value) return undefined;
      void this.#lock.hold();
      const timer = setInterval(() => untracked(write), SEEN_MS);
      return () => {
        clearInterval(timer);
        this.#lock.release();
        this.#memory.forget();
      };
    });
  }

  /** Waits while a camera or screen is being opened. */
  #settledVideo(): Promise<CapturedVideo> {
    return new Promise((resolve) => {
      const stop = effect(() => {
        const video = this.#camera.video.value;
        if (video.kind === 'opening') return;
        resolve(video);
        queueMicrotask(() => stop());
      });
    });
  }

  #sending(): boolean {
    const status = this.#connection.status.peek();
    return status !== 'idle' && status !== 'superseded' && status !== 'failed';
  }
}

function sourceOf(video: Exclude<CapturedVideo, { kind: 'opening' }>) {
  if (video.kind === 'off') return { from: 'camera' } as const;
  const { from, deviceId, label } = video;
  const isKnownCamera = from === 'camera' && deviceId !== undefined;
  return { from, cameraLabel: label, ...(isKnownCamera ? { cameraId: deviceId } : {}) };
}
