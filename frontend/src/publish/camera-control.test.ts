import { describe, expect, it } from 'vitest';
import type { CaptureResult, Device } from '#client/media/capture.ts';
import { CameraControl } from './camera-control.ts';

class FakeTrack extends EventTarget {
  readonly label: string;
  muted = false;
  stopped = false;

  constructor(label: string) {
    super();
    this.label = label;
  }

  getSettings(): MediaTrackSettings {
    return { deviceId: this.label };
  }

  stop(): void {
    this.stopped = true;
  }
}

const found = (track: FakeTrack): CaptureResult => ({
  ok: true,
  track: track as unknown as MediaStreamTrack,
});
const refused = (code: 'in-use' | 'missing'): CaptureResult => ({
  ok: false,
  fault: { code, title: code, advice: '' },
});

/** A control whose open requests the test completes, in any order. */
function makeControl() {
  const pending: ((captured: CaptureResult) => void)[] = [];
  const open = () => new Promise<CaptureResult>((resolve) => pending.push(resolve));
  const devices: Device[] = [];
  let permitted = true;
  const control = new CameraControl({
    open,
    list: async () => devices,
    isPermitted: async () => permitted,
  });
  const forbid = () => {
    permitted = false;
  };
  return { control, pending, devices, forbid };
}

const device = (id: string): Device => ({ id, label: id, groupId: id });

describe('CameraControl', () => {
  it('keeps the old video until the new one is there', async () => {
    const { control, pending } = makeControl();
    const [a, b] = [new FakeTrack('a'), new FakeTrack('b')];
    const first = control.useCamera();
    expect(control.video.value.kind).toBe('opening');
    pending[0]?.(found(a));
    expect(await first).toBe(true);

    const second = control.useCamera('b');
    expect(control.video.value).toMatchObject({ kind: 'on', label: 'a' });
    expect(a.stopped).toBe(false);
    pending[1]?.(found(b));
    await second;
    expect(control.video.value).toMatchObject({ kind: 'on', label: 'b' });
    expect(a.stopped).toBe(true);
  });

  it('uses the newest request, and stops the track of an older one', async () => {
    const { control, pending } = makeControl();
    const [slow, quick] = [new FakeTrack('slow'), new FakeTrack('quick')];
    const first = control.useCamera('slow');
    const second = control.useCamera('quick');
    pending[1]?.(found(quick));
    pending[0]?.(found(slow));
    expect(await Promise.all([first, second])).toEqual([false, true]);
    expect(control.video.value).toMatchObject({ label: 'quick' });
    expect(slow.stopped).toBe(true);
    expect(quick.stopped).toBe(false);
  });

  it('reports a lost camera at once, and opens it again when it is back', async () => {
    const { control, pending, forbid } = makeControl();
    forbid();
    const track = new FakeTrack('usb');
    const opening = control.useCamera();
    pending[0]?.(found(track));
    await opening;
    track.dispatchEvent(new Event('ended'));
    expect(control.video.value).toMatchObject({ kind: 'lost', label: 'usb' });

    await control.devicesChanged([device('usb')]);
    expect(pending).toHaveLength(1); // It never left the list, so permission was revoked: do not ask again.
    await control.devicesChanged([device('other')]);
    await control.devicesChanged([device('other'), device('usb')]);
    pending[1]?.(found(new FakeTrack('usb')));
    await Promise.resolve();
    expect(control.video.value).toMatchObject({ kind: 'on', label: 'usb' });
  });

  it('SRC-2 reports that the system mutes the camera, and gives it back', async () => {
    const { control, pending } = makeControl();
    const [first, second] = [new FakeTrack('first'), new FakeTrack('second')];
    const opening = control.useCamera();
    pending[0]?.(found(first));
    await opening;
    const set = (track: FakeTrack, muted: boolean) => {
      track.muted = muted;
      track.dispatchEvent(new Event(muted ? 'mute' : 'unmute'));
    };
    set(first, true);
    expect(control.video.value).toMatchObject({ kind: 'on', muted: true });
    set(first, false);
    expect(control.video.value).toMatchObject({ kind: 'on', muted: false });

    const change = control.useCamera('second');
    pending[1]?.(found(second));
    await change;
    set(first, true);
    expect(control.video.value).toMatchObject({ label: 'second', muted: false });
  });

  it('keeps the video when the change of camera fails, and reports why', async () => {
    const { control, pending } = makeControl();
    const opening = control.useCamera();
    pending[0]?.(found(new FakeTrack('a')));
    await opening;
    const change = control.useScreen();
    pending[1]?.(refused('missing'));
    expect(await change).toBe(false);
    expect(control.video.value).toMatchObject({ kind: 'on', label: 'a' });
    expect(control.fault.value?.code).toBe('missing');
  });

  it('stops the old camera first on a system that opens one at a time', async () => {
    const { control, pending } = makeControl();
    const front = new FakeTrack('front');
    const opening = control.useCamera();
    pending[0]?.(found(front));
    await opening;
    const change = control.useCamera('back');
    pending[1]?.(refused('in-use'));
    await Promise.resolve();
    await Promise.resolve();
    expect(front.stopped).toBe(true);
    pending[2]?.(found(new FakeTrack('back')));
    expect(await change).toBe(true);
    expect(control.video.value).toMatchObject({ kind: 'on', label: 'back' });
  });

  it('opens a camera automatically once one is plugged in', async () => {
    const { control, pending } = makeControl();
    const opening = control.useCamera();
    pending[0]?.(refused('missing'));
    await opening;
    await control.devicesChanged([]);
    pending[1]?.(found(new FakeTrack('new')));
    await Promise.resolve();
    expect(control.video.value).toMatchObject({ kind: 'on', label: 'new' });
  });

  it('leaves nothing open when closed, not even a camera that opens later', async () => {
    const { control, pending } = makeControl();
    const track = new FakeTrack('late');
    const opening = control.useCamera();
    control.close();
    pending[0]?.(found(track));
    expect(await opening).toBe(false);
    expect(track.stopped).toBe(true);
    expect(control.video.value).toEqual({ kind: 'off' });
  });
});
