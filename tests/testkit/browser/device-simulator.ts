/**
 * Cameras, microphones and a screen made of canvases and oscillators, in place of the browser's own
 * devices. A test plugs them in and out, mutes and ends them, changes their sizes and makes them still,
 * in every order of events in which browsers report such things. Works in every browser that can run a
 * script before the page's own (`installDevices`).
 */
import type { BrowserContext } from 'playwright-core';

export interface SimulatedDevice {
  readonly kind: 'videoinput' | 'audioinput';
  readonly id: string;
  readonly label: string;
  /** Of the hardware: `default` and the device that it stands for have the same. */
  readonly group?: string;
}

export interface SimulatedDevices {
  readonly devices: readonly SimulatedDevice[];
  /** Size of every camera and of the screen at first, pixels. */
  readonly width?: number;
  readonly height?: number;
  /** The state of the permission for camera and microphone that the browser reports. */
  readonly permission?: PermissionState;
  /** Frames a second; 0: each source gives one frame and then is still. */
  readonly fps?: number;
}

/** What the test calls in the page, as `simulated`. */
interface Simulation {
  /** Adds a device to the list, without an event. */
  add(device: SimulatedDevice): void;
  /** Removes a device from the list, without an event. */
  remove(id: string): void;
  /** As if the browser had noticed another list. */
  reportList(): void;
  /** The tracks of this device end, as the browser ends them: with an event. */
  end(id: string): void;
  mute(id: string, muted: boolean): void;
  /** Another size of the source, as when a shared window is resized. */
  resize(id: string, width: number, height: number): void;
  /** One frame now, for a source that is still. */
  draw(id: string): void;
  setPermission(state: PermissionState): void;
  /** Ids of the devices that were opened, in order. A screen is `screen`. */
  readonly opened: readonly string[];
}

declare global {
  var simulated: Simulation;
}

/** Must be called before the context opens a page. A reloaded page has the devices that it left. */
export async function simulateDevices(
  context: BrowserContext,
  devices: SimulatedDevices,
): Promise<void> {
  await context.addInitScript(installDevices, devices);
}

/** Runs in the page, before its own scripts. Uses nothing from outside itself. */
export function installDevices(given: SimulatedDevices): void {
  const { mediaDevices } = navigator;
  // Not on an insecure origin, nor in the first empty document.
  if (!mediaDevices || location.protocol === 'about:') return;
  const stored = 'simulated-devices';
  let devices: SimulatedDevice[] = JSON.parse(sessionStorage.getItem(stored) ?? 'null') ?? [
    ...given.devices,
  ];
  let permission: PermissionState = given.permission ?? 'granted';
  const opened: string[] = [];
  const save = () => sessionStorage.setItem(stored, JSON.stringify(devices));

  interface Source {
    readonly id: string;
    readonly track: MediaStreamTrack;
    readonly setMuted: (muted: boolean) => void;
    readonly resize: (width: number, height: number) => void;
    readonly draw: () => void;
    readonly end: () => void;
  }
  const sources: Source[] = [];
  const of = (id: string) =>
    sources.filter((source) => source.id === id && source.track.readyState === 'live');

  const describe = (track: MediaStreamTrack, id: string, label: string, group?: string) => {
    let isMuted = false;
    const real = track.getSettings.bind(track);
    // Firefox passes a script's events to no listener of a track.
    const events = new EventTarget();
    Object.defineProperties(track, {
      addEventListener: { value: events.addEventListener.bind(events) },
      removeEventListener: { value: events.removeEventListener.bind(events) },
      dispatchEvent: { value: events.dispatchEvent.bind(events) },
      label: { value: label },
      muted: { get: () => isMuted },
      getSettings: { value: () => ({ ...real(), deviceId: id, groupId: group ?? id }) },
    });
    return (muted: boolean) => {
      isMuted = muted;
      track.dispatchEvent(new Event(muted ? 'mute' : 'unmute'));
    };
  };

  const openVideo = (id: string, label: string): MediaStream => {
    const canvas = document.createElement('canvas');
    canvas.width = given.width ?? 640;
    canvas.height = given.height ?? 360;
    const fps = given.fps ?? 15;
    // Each device has a colour of its own, so that the pixels show which one is sent.
    const hue = Array.from(id).reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 7);
    const context = canvas.getContext('2d');
    let drawn = 0;
    let isMuted = false;
    const draw = () => {
      if (!context || isMuted) return;
      drawn += 1;
      context.fillStyle = `hsl(${hue} 60% ${40 + (drawn % 3)}%)`;
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.fillStyle = '#fff';
      const x = (drawn * 9) % canvas.width;
      context.fillRect(x, canvas.height / 3, canvas.width / 10, canvas.height / 4);
    };
    draw();
    const timer = fps > 0 ? setInterval(draw, 1000 / fps) : undefined;
    const stream = canvas.captureStream(30);
    const [track] = stream.getVideoTracks();
    if (!track) throw new Error('no track');
    const report = describe(track, id, label);
    sources.push({
      id,
      track,
      setMuted: (muted) => {
        isMuted = muted;
        report(muted);
      },
      resize: (width, height) => {
        canvas.width = width;
        canvas.height = height;
        draw();
      },
      draw,
      end: () => {
        clearInterval(timer);
        track.stop();
        track.dispatchEvent(new Event('ended'));
      },
    });
    return stream;
  };

  const openAudio = ({ id, label, group }: SimulatedDevice): MediaStream => {
    const context = new AudioContext();
    const oscillator = context.createOscillator();
    const destination = context.createMediaStreamDestination();
    oscillator.connect(destination);
    oscillator.start();
    const [track] = destination.stream.getAudioTracks();
    if (!track) throw new Error('no track');
    const setMuted = describe(track, id, label, group);
    sources.push({
      id,
      track,
      setMuted,
      resize: () => undefined,
      draw: () => undefined,
      end: () => {
        track.stop();
        track.dispatchEvent(new Event('ended'));
        void context.close();
      },
    });
    return destination.stream;
  };

  /** An error as browsers throw it; the constructor of `OverconstrainedError` is not everywhere. */
  const refusal = (name: string) => new DOMException(`simulated ${name}`, name);

  mediaDevices.getUserMedia = async (constraints) => {
    const wanted = constraints?.video || constraints?.audio;
    const kind = constraints?.video ? 'videoinput' : 'audioinput';
    if (permission === 'denied') throw refusal('NotAllowedError');
    permission = 'granted';
    const some = devices.filter((device) => device.kind === kind);
    if (some.length === 0) throw refusal('NotFoundError');
    const choice = typeof wanted === 'object' ? wanted.deviceId : undefined;
    const exact = typeof choice === 'object' && 'exact' in choice ? choice.exact : undefined;
    const device = exact === undefined ? some[0] : some.find(({ id }) => id === exact);
    if (!device) throw refusal('OverconstrainedError');
    opened.push(device.id);
    return kind === 'videoinput' ? openVideo(device.id, device.label) : openAudio(device);
  };
  mediaDevices.getDisplayMedia = async () => {
    opened.push('screen');
    return openVideo('screen', 'A window');
  };
  mediaDevices.enumerateDevices = async () =>
    devices.map(({ kind, id, label, group }) => {
      const device = { kind, deviceId: id, label, groupId: group ?? id };
      return { ...device, toJSON: () => device };
    });
  const query = navigator.permissions.query.bind(navigator.permissions);
  navigator.permissions.query = async (descriptor) => {
    const name: string = descriptor.name;
    if (name !== 'camera' && name !== 'microphone') return query(descriptor);
    const status = new EventTarget();
    return Object.assign(status, { state: permission, name, onchange: null }) as PermissionStatus;
  };

  globalThis.simulated = {
    opened,
    add: (device) => {
      devices = [...devices, device];
      save();
    },
    remove: (id) => {
      devices = devices.filter((device) => device.id !== id);
      save();
    },
    reportList: () => mediaDevices.dispatchEvent(new Event('devicechange')),
    end: (id) => of(id).forEach((source) => source.end()),
    mute: (id, muted) => of(id).forEach((source) => source.setMuted(muted)),
    resize: (id, width, height) => of(id).forEach((source) => source.resize(width, height)),
    draw: (id) => of(id).forEach((source) => source.draw()),
    setPermission: (state) => {
      permission = state;
    },
  };
}
