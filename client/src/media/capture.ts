/** Opens cameras, microphones and screens. Whoever opens a track stops it. */
import { type CaptureFault, type CaptureKind, explainCaptureFault } from './capture-fault.ts';

export interface Device {
  readonly id: string;
  readonly label: string;
}

export interface Devices {
  readonly cameras: readonly Device[];
  readonly microphones: readonly Device[];
}

export type Captured =
  | { readonly ok: true; readonly track: MediaStreamTrack }
  | { readonly ok: false; readonly fault: CaptureFault };

const PICTURE = {
  width: { ideal: 1280 },
  height: { ideal: 720 },
  frameRate: { ideal: 30 },
} as const satisfies MediaTrackConstraints;

/** The camera with this id, or the one the browser or the person picks. */
export function openCamera(deviceId: string | undefined): Promise<Captured> {
  const video = { ...PICTURE, ...exactly(deviceId) };
  return capture('camera', (devices) => devices.getUserMedia({ video }));
}

export function openMicrophone(deviceId: string | undefined): Promise<Captured> {
  const audio = {
    echoCancellation: true,
    noiseSuppression: true,
    autoGainControl: true,
    ...exactly(deviceId),
  };
  return capture('microphone', (devices) => devices.getUserMedia({ audio }));
}

/** Must be called within a person's click: the browser asks which window or screen. */
export function openScreen(): Promise<Captured> {
  return capture('screen', (devices) =>
    devices.getDisplayMedia({ video: { frameRate: { ideal: 30 } }, audio: false }),
  );
}

export function canShareScreen(): boolean {
  return typeof mediaDevices()?.getDisplayMedia === 'function';
}

/** Cameras and microphones with a name. Before the first permission there are none. */
export async function listDevices(): Promise<Devices> {
  const all = (await mediaDevices()?.enumerateDevices()) ?? [];
  const named = (kind: MediaDeviceKind, name: string) =>
    all
      .filter((device) => device.kind === kind && device.deviceId !== '')
      .map((device, index) => ({
        id: device.deviceId,
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

/** Whether a camera can be opened without a question to the person. */
export async function cameraIsGranted(): Promise<boolean> {
  try {
    const permission = await navigator.permissions.query({ name: 'camera' });
    return permission.state === 'granted';
  } catch {
    // Some browsers keep no permission of that name: then the person is asked by a button.
    return false;
  }
}

export function deviceIdOf(track: MediaStreamTrack): string | undefined {
  return track.getSettings().deviceId;
}

async function capture(
  kind: CaptureKind,
  open: (devices: MediaDevices) => Promise<MediaStream>,
): Promise<Captured> {
  const devices = mediaDevices();
  const supported =
    devices !== undefined && (kind !== 'screen' || typeof devices.getDisplayMedia === 'function');
  const surroundings = { secureContext: window.isSecureContext, supported };
  if (!supported) return { ok: false, fault: explainCaptureFault(undefined, kind, surroundings) };
  try {
    const track = (await open(devices)).getTracks()[0];
    if (track === undefined) throw new DOMException('the stream is empty', 'NotFoundError');
    return { ok: true, track };
  } catch (error) {
    return { ok: false, fault: explainCaptureFault(error, kind, surroundings) };
  }
}

/** Absent in insecure contexts, whatever the types say. */
function mediaDevices(): MediaDevices | undefined {
  return navigator.mediaDevices;
}

function exactly(deviceId: string | undefined): MediaTrackConstraints {
  return deviceId === undefined ? {} : { deviceId: { exact: deviceId } };
}
