/** Opens cameras, microphones and screens. The caller that opens a track must stop it. */
import { type CaptureFault, type CaptureKind, explainCaptureFault } from './capture-fault.ts';

export interface Device {
  readonly id: string;
  readonly label: string;
  /** Of the hardware: the device `default` has that of the one for which it stands. */
  readonly groupId: string;
}

export interface Devices {
  readonly cameras: readonly Device[];
  readonly microphones: readonly Device[];
}

export type CaptureResult =
  | { readonly ok: true; readonly track: MediaStreamTrack }
  | { readonly ok: false; readonly fault: CaptureFault };

const VIDEO = {
  width: { ideal: 1280 },
  height: { ideal: 720 },
  frameRate: { ideal: 30 },
} as const satisfies MediaTrackConstraints;

/** The camera with this id; without an id, the one that the browser or the person chooses. */
export function openCamera(deviceId: string | undefined): Promise<CaptureResult> {
  const video = { ...VIDEO, ...exactDevice(deviceId) };
  return capture('camera', (devices) => devices.getUserMedia({ video }));
}

/** The microphone with this id; without an id, the one that the browser or the person chooses. */
export function openMicrophone(deviceId: string | undefined): Promise<CaptureResult> {
  const audio = {
    echoCancellation: true,
    noiseSuppression: true,
    autoGainControl: true,
    ...exactDevice(deviceId),
  };
  return capture('microphone', (devices) => devices.getUserMedia({ audio }));
}

/** Must be called while handling a click. The browser lets the person choose a window or screen. */
export function openScreen(): Promise<CaptureResult> {
  return capture('screen', (devices) =>
    devices.getDisplayMedia({ video: { frameRate: { ideal: 30 } }, audio: false }),
  );
}

export function canShareScreen(): boolean {
  return typeof mediaDevices()?.getDisplayMedia === 'function';
}

/**
 * Cameras and microphones, each with a label. Before the first permission the browser gives no ids,
 * and the lists are empty.
 */
export async function listDevices(): Promise<Devices> {
  const all = (await mediaDevices()?.enumerateDevices()) ?? [];
  const named = (kind: MediaDeviceKind, name: string) =>
    all
      .filter((device) => device.kind === kind && device.deviceId !== '')
      .map((device, index) => ({
        id: device.deviceId,
        groupId: device.groupId,
        label: device.label === '' ? `${name} ${index + 1}` : device.label,
      }));
  return {
    cameras: named('videoinput', 'Camera'),
    microphones: named('audioinput', 'Microphone'),
  };
}

export function onDevicesChanged(listener: () => void): void {
  mediaDevices()?.addEventListener('devicechange', listener);
}

/** Whether a camera or microphone can be opened without a permission prompt. */
export async function hasPermission(name: 'camera' | 'microphone'): Promise<boolean> {
  try {
    const permission = await navigator.permissions.query({ name });
    return permission.state === 'granted';
  } catch {
    // Some browsers do not know this permission name: then the page shows a button first.
    return false;
  }
}

export function deviceIdOf(track: MediaStreamTrack): string | undefined {
  return track.getSettings().deviceId;
}

async function capture(
  kind: CaptureKind,
  open: (devices: MediaDevices) => Promise<MediaStream>,
): Promise<CaptureResult> {
  const devices = mediaDevices();
  const supported =
    devices !== undefined && (kind !== 'screen' || typeof devices.getDisplayMedia === 'function');
  const context = { secureContext: window.isSecureContext, supported };
  if (!supported) return { ok: false, fault: explainCaptureFault(undefined, kind, context) };
  try {
    const track = (await open(devices)).getTracks()[0];
    if (track === undefined) throw new DOMException('the stream is empty', 'NotFoundError');
    return { ok: true, track };
  } catch (error) {
    return { ok: false, fault: explainCaptureFault(error, kind, context) };
  }
}

/** `undefined` in insecure contexts, although the types say otherwise. */
function mediaDevices(): MediaDevices | undefined {
  return navigator.mediaDevices;
}

function exactDevice(deviceId: string | undefined): MediaTrackConstraints {
  return deviceId === undefined ? {} : { deviceId: { exact: deviceId } };
}
