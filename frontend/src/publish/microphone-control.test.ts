import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CaptureResult, Device } from '#client/media/capture.ts';
import { MicrophoneControl } from './microphone-control.ts';

class FakeTrack extends EventTarget {
  readonly label: string;
  readonly groupId: string;
  readonly deviceId: string;
  muted = false;
  stopped = false;

  constructor({ id, label, groupId }: Device) {
    super();
    this.deviceId = id;
    this.label = label;
    this.groupId = groupId;
  }

  getSettings(): MediaTrackSettings {
    return { deviceId: this.deviceId, groupId: this.groupId };
  }

  report(name: 'mute' | 'unmute' | 'ended'): void {
    this.muted = name === 'mute';
    this.dispatchEvent(new Event(name));
  }

  stop(): void {
    this.stopped = true;
  }
}

const HEADSET: Device = { id: 'headset-1', label: 'Headset', groupId: 'headset' };
const BUILT_IN: Device = { id: 'built-in', label: 'Built-in', groupId: 'built-in' };
const standsFor = ({ groupId, label }: Device): Device => ({
  id: 'default',
  label: `Default - ${label}`,
  groupId,
});

/** A control over devices that open at once if they are in the list. */
function makeControl(initial: readonly Device[]) {
  const tracks: FakeTrack[] = [];
  let devices = initial;
  const open = async (wish: { readonly deviceId: string | undefined }): Promise<CaptureResult> => {
    const device = devices.find(({ id }) => wish.deviceId === undefined || id === wish.deviceId);
    if (!device) {
      return { ok: false, fault: { code: 'chosen-missing', title: 'missing', advice: '' } };
    }
    const track = new FakeTrack(device);
    tracks.push(track);
    return { ok: true, track: track as unknown as MediaStreamTrack };
  };
  const control = new MicrophoneControl({
    open,
    list: async () => devices,
    isPermitted: async () => true,
  });
  const change = async (next: readonly Device[]) => {
    devices = next;
    await control.devicesChanged(next);
    await vi.advanceTimersByTimeAsync(0);
  };
  return { control, tracks, change };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('MicrophoneControl', () => {
  it('SRC-4 turns a lost microphone on again when it is back, from another port too', async () => {
    const { control, tracks, change } = makeControl([HEADSET, BUILT_IN]);
    await control.turnOn('headset-1');
    expect(control.audio.value).toMatchObject({ kind: 'on', label: 'Headset' });
    tracks[0]?.report('ended');
    expect(control.audio.value).toMatchObject({ kind: 'lost', label: 'Headset' });
    expect(control.fault.value?.title).toBe('Headset is gone');
    await change([BUILT_IN]);
    expect(control.audio.value.kind).toBe('lost');
    await change([BUILT_IN, { ...HEADSET, id: 'headset-2' }]);
    expect(control.audio.value).toMatchObject({ kind: 'on', deviceId: 'headset-2' });
    expect(control.fault.value).toBeUndefined();
  });

  it('SRC-4 turns it on again if nothing is reported', async () => {
    const { control, tracks } = makeControl([HEADSET]);
    await control.turnOn();
    tracks[0]?.report('ended');
    await vi.advanceTimersByTimeAsync(1_500);
    expect(control.audio.value).toMatchObject({ kind: 'on', label: 'Headset' });
  });

  it('SRC-4 leaves a lost microphone off once the person has turned it off', async () => {
    const { control, tracks, change } = makeControl([HEADSET]);
    await control.turnOn();
    tracks[0]?.report('ended');
    control.turnOff();
    await change([HEADSET]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(control.audio.value).toEqual({ kind: 'off' });
    expect(tracks).toHaveLength(1);
  });

  it('SRC-4 follows the default microphone of the system', async () => {
    const { control, tracks, change } = makeControl([standsFor(HEADSET), HEADSET, BUILT_IN]);
    await control.turnOn();
    await change([standsFor(BUILT_IN), HEADSET, BUILT_IN]);
    expect(control.audio.value).toMatchObject({ label: 'Default - Built-in' });
    expect(tracks.map(({ stopped }) => stopped)).toEqual([true, false]);
  });

  it('SRC-2 says that the system mutes it', async () => {
    const { control, tracks } = makeControl([HEADSET]);
    await control.turnOn();
    tracks[0]?.report('mute');
    expect(control.fault.value?.title).toMatch(/system has switched the microphone off/);
    tracks[0]?.report('unmute');
    expect(control.fault.value).toBeUndefined();
    expect(control.audio.value.kind).toBe('on');
  });

  it('SRC-5 finds a remembered microphone by its name', async () => {
    const { control } = makeControl([BUILT_IN, { ...HEADSET, id: 'headset-2' }]);
    await control.turnOnRemembered('headset-1', 'Headset');
    expect(control.audio.value).toMatchObject({ kind: 'on', deviceId: 'headset-2' });
  });
});
