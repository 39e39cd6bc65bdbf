import { computed, type ReadonlySignal, signal } from '@preact/signals-core';
import type { CaptureResult, Device } from './capture.ts';
import type { CaptureFault } from './capture-fault.ts';
import {
  type Identity,
  type SourceCommand,
  type SourceEvent,
  type SourceKind,
  sourceOf,
  type SourceState,
  stepSource,
  type Wish,
} from './source-machine.ts';

/** What a source uses of the browser. */
export interface SourceDevices {
  open(wish: Pick<Wish, 'from' | 'deviceId'>): Promise<CaptureResult>;
  /** The devices of this kind. */
  list(): Promise<readonly Device[]>;
  /** Whether they can be opened without a prompt. */
  isPermitted(): Promise<boolean>;
}

/** Runs the machine of one source: opens devices, follows the tracks' events, and owns the only timer. */
export class SourceControl {
  readonly fault: ReadonlySignal<CaptureFault | undefined>;
  readonly #devices: SourceDevices;
  readonly #state = signal<SourceState>({ phase: 'none' });
  readonly #waiting = new Map<number, (isThere: boolean) => void>();
  #requests = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(devices: SourceDevices) {
    this.#devices = devices;
    this.fault = computed(() => {
      const state = this.#state.value;
      return 'fault' in state ? state.fault : undefined;
    });
  }

  get state(): ReadonlySignal<SourceState> {
    return this.#state;
  }

  /** Resolves to whether this request's source is there now. Of several requests the newest wins. */
  open(from: SourceKind, deviceId?: string, remembered?: Identity): Promise<boolean> {
    this.#requests += 1;
    const request = this.#requests;
    const settled = new Promise<boolean>((resolve) => this.#waiting.set(request, resolve));
    this.#send({
      type: 'WISHED',
      wish: { from, deviceId, request, ...(remembered && { remembered }) },
    });
    return settled;
  }

  /** The page was reloaded and may not open this source, a screen, without the person. */
  missed(was: Identity): void {
    this.#send({ type: 'MISSED', was });
  }

  /** The browser has reported a change of its devices, and now lists these of this kind. */
  async devicesChanged(devices: readonly Device[]): Promise<void> {
    const permitted = await this.#devices.isPermitted();
    this.#send({ type: 'LISTED', devices, permitted, changed: true });
  }

  /** Stops the source, and one that opens later. Idempotent. */
  clear(): void {
    this.#send({ type: 'CLEARED' });
  }

  #send(event: SourceEvent): void {
    const { state, commands } = stepSource(this.#state.peek(), event);
    this.#state.value = state;
    this.#settleRequests(state);
    for (const command of commands) this.#run(command);
  }

  #settleRequests(state: SourceState): void {
    const pending =
      state.phase === 'opening' || state.phase === 'replacing' ? state.wish.request : undefined;
    for (const [request, resolve] of this.#waiting) {
      if (request === pending) continue;
      this.#waiting.delete(request);
      resolve(sourceOf(state)?.request === request);
    }
  }

  #run(command: SourceCommand): void {
    switch (command.do) {
      case 'open':
        void this.#open(command.wish);
        return;
      case 'stop':
        return command.track.stop();
      case 'list':
        void this.#list(command.changed);
        return;
      case 'timer':
        clearTimeout(this.#timer);
        this.#timer =
          command.ms === undefined
            ? undefined
            : setTimeout(() => this.#send({ type: 'TIMER' }), command.ms);
        return;
      default:
        return command satisfies never;
    }
  }

  async #open(wish: Wish): Promise<void> {
    const captured = await this.#devices.open(wish);
    if (!captured.ok) return this.#send({ type: 'REFUSED', wish, fault: captured.fault });
    const { track } = captured;
    const { deviceId, groupId } = track.getSettings();
    const { from, request, remembered } = wish;
    const { label } = track;
    const isSame = !remembered || remembered.deviceId === deviceId || remembered.label === label;
    const insteadOf = isSame ? undefined : remembered.label;
    const source = { from, track, deviceId, groupId, label, request, insteadOf };
    track.addEventListener('ended', () => this.#send({ type: 'ENDED', track }));
    track.addEventListener('mute', () => this.#send({ type: 'MUTED', track }));
    track.addEventListener('unmute', () => this.#send({ type: 'UNMUTED', track }));
    this.#send({ type: 'OPENED', wish, source });
  }

  async #list(changed: boolean): Promise<void> {
    const [devices, permitted] = await Promise.all([
      this.#devices.list().catch(() => []),
      this.#devices.isPermitted(),
    ]);
    this.#send({ type: 'LISTED', devices, permitted, changed });
  }
}
