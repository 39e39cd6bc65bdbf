import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CaptureFault } from './capture-fault.ts';
import {
  type Identity,
  type ListedDevice,
  type OpenSource,
  reopenAfterMs,
  type SourceCommand,
  type SourceEvent,
  sourceOf,
  type SourceState,
  stepSource,
  type Wish,
} from './source-machine.ts';

const NONE: SourceState = { phase: 'none' };
const fault = (code: CaptureFault['code']): CaptureFault => ({ code, title: code, advice: '' });
const asTrack = (muted = false) => ({ muted }) as MediaStreamTrack;

const wish = (more: Partial<Wish> = {}): Wish => ({
  from: 'camera',
  deviceId: undefined,
  request: 1,
  ...more,
});
const source = (more: Partial<OpenSource> = {}): OpenSource => ({
  from: 'camera',
  track: asTrack(),
  deviceId: 'usb-1',
  label: 'USB camera',
  groupId: 'usb',
  request: 1,
  insteadOf: undefined,
  ...more,
});
const device = (id: string, label = 'USB camera', groupId = id): ListedDevice => ({
  id,
  label,
  groupId,
});
const listed = (devices: readonly ListedDevice[], more = {}): SourceEvent => ({
  type: 'LISTED',
  devices,
  permitted: true,
  changed: true,
  ...more,
});

/** A machine that is stepped by events; keeps all commands. */
class Machine {
  state: SourceState = NONE;
  readonly commands: SourceCommand[] = [];

  send(...events: SourceEvent[]): this {
    for (const event of events) {
      const { state, commands } = stepSource(this.state, event);
      this.state = state;
      this.commands.push(...commands);
    }
    return this;
  }

  /** The newest wish that was to be opened. */
  get asked(): Wish {
    const open = this.commands.findLast((command) => command.do === 'open');
    if (open?.do !== 'open') throw new Error('nothing was opened');
    return open.wish;
  }

  get opens(): number {
    return this.commands.filter((command) => command.do === 'open').length;
  }

  get stopped(): MediaStreamTrack[] {
    return this.commands.flatMap((command) => (command.do === 'stop' ? [command.track] : []));
  }

  get timer(): number | undefined {
    const timer = this.commands.findLast((command) => command.do === 'timer');
    return timer?.do === 'timer' ? timer.ms : undefined;
  }

  /** Answers the newest wish. */
  give(opened: OpenSource): this {
    return this.send({ type: 'OPENED', wish: this.asked, source: opened });
  }

  refuse(code: CaptureFault['code']): this {
    return this.send({ type: 'REFUSED', wish: this.asked, fault: fault(code) });
  }
}

/** A machine with a live source. */
function live(opened = source()): Machine {
  return new Machine().send({ type: 'WISHED', wish: wish({ from: opened.from }) }).give(opened);
}

const end = ({ track }: OpenSource): SourceEvent => ({ type: 'ENDED', track });
/** What SourceControl answers to the command `list` at the moment of the end. */
const seen = (devices: readonly ListedDevice[]) => listed(devices, { changed: false });

describe('SRC-4 a camera that is unplugged and plugged in again', () => {
  const camera = source();
  const there = [device('built-in', 'Built-in'), device('usb-1')];
  const without = [device('built-in', 'Built-in')];
  const elsewhere = [device('built-in', 'Built-in'), device('usb-2')];
  const timer: SourceEvent = { type: 'TIMER' };

  it.each<[string, SourceEvent[], string]>([
    ['ended, list without, list with', [end(camera), listed(without), listed(there)], 'usb-1'],
    [
      'list without, ended, list with',
      [listed(without), end(camera), seen(without), listed(there)],
      'usb-1',
    ],
    ['ended, list unchanged', [end(camera), seen(there), listed(there)], 'usb-1'],
    ['ended, back under another id', [end(camera), listed(without), listed(elsewhere)], 'usb-2'],
    ['ended and nothing more', [end(camera), seen(there), timer, listed(there)], 'usb-1'],
    ['list with both, ended', [listed(elsewhere), end(camera), listed(elsewhere)], 'usb-2'],
  ])('%s: is opened again', (_, events, deviceId) => {
    const machine = live(camera).send(...events);
    expect(machine.asked.deviceId).toBe(deviceId);
    // Still shown as gone until it is there.
    expect(machine.state.phase).toBe('ended');
    machine.give(source({ deviceId }));
    expect(machine.state).toMatchObject({ phase: 'live', source: { deviceId } });
    expect(machine.timer).toBeUndefined();
  });

  it('is tried again after growing waits as long as it does not start, and quietly', () => {
    const machine = live(camera).send(end(camera), seen(there));
    const waits: (number | undefined)[] = [];
    for (let i = 0; i < 6; i += 1) {
      waits.push(machine.timer);
      machine.send(timer, listed(there)).refuse('in-use');
      expect(machine.state).toMatchObject({ phase: 'ended', tries: i + 1 });
      expect(machine.state).not.toHaveProperty('fault');
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
    expect(reopenAfterMs(1_000)).toBe(15_000);
  });

  it('is not opened twice at once', () => {
    const machine = live(camera).send(end(camera), listed(there), listed(there), timer);
    machine.send(listed(there));
    expect(machine.opens).toBe(2);
  });

  it('another camera is never taken instead, nor one without a name', () => {
    const machine = live(source({ label: '' })).send();
    const { state } = machine;
    const held = sourceOf(state);
    if (!held) throw new Error('nothing is live');
    machine.send(end(held), listed([device('other', '')]), listed([device('third', 'Third')]));
    expect(machine.opens).toBe(1);
    expect(machine.state).toMatchObject({ phase: 'ended', present: false });
  });

  it('asks nobody for a permission that was revoked, until the device was away', () => {
    const forbidden = { permitted: false };
    const machine = live(camera).send(end(camera), listed(there, { ...forbidden, changed: false }));
    machine.send(timer, listed(there, forbidden));
    expect(machine.opens).toBe(1);
    expect(machine.state).toMatchObject({ phase: 'ended', needsPerson: true });
    machine.send(listed(without, forbidden), listed(there, forbidden));
    expect(machine.opens).toBe(2);
  });

  it('waits for the person when the browser refuses', () => {
    const machine = live(camera).send(end(camera), listed(there)).refuse('refused');
    expect(machine.state).toMatchObject({ phase: 'ended', needsPerson: true });
    expect(machine.timer).toBeUndefined();
  });

  it('a screen is never shared again without the person', () => {
    const screen = source({ from: 'screen', deviceId: 'screen' });
    const machine = live(screen).send(end(screen), listed([device('screen')]), timer);
    machine.send(listed([device('screen')]));
    expect(machine.opens).toBe(1);
    expect(machine.timer).toBeUndefined();
  });

  it('the person’s choice wins over the attempt that is being made', () => {
    const machine = live(camera).send(end(camera), listed(there));
    const attempt = machine.asked;
    const chosen = wish({ deviceId: 'built-in', request: 2 });
    const late = source();
    machine.send({ type: 'WISHED', wish: chosen });
    machine.send({ type: 'OPENED', wish: attempt, source: late });
    expect(machine.stopped).toContain(late.track);
    machine.give(source({ deviceId: 'built-in', request: 2 }));
    expect(machine.state).toMatchObject({ phase: 'live', source: { deviceId: 'built-in' } });
  });

  it('a choice that fails leaves the wait for the lost camera', () => {
    const machine = live(camera).send(end(camera), listed(without));
    machine.send({ type: 'WISHED', wish: wish({ deviceId: 'built-in', request: 2 }) });
    machine.refuse('in-use');
    expect(machine.state).toMatchObject({ phase: 'ended', fault: { code: 'in-use' } });
    machine.send(listed(there));
    expect(machine.asked.deviceId).toBe('usb-1');
  });
});

describe('SRC-4 the default microphone', () => {
  const headset = source({ from: 'microphone', deviceId: 'default', groupId: 'headset' });
  const entry = (groupId: string) => [device('default', 'Default', groupId), device('a')];

  it('is followed when the system has another one', () => {
    const machine = live(headset).send(listed(entry('headset')));
    expect(machine.opens).toBe(1);
    machine.send(listed(entry('built-in')));
    expect(machine.asked).toMatchObject({ from: 'microphone', deviceId: 'default' });
    // The one before goes on until then.
    expect(machine.state.phase).toBe('replacing');
    machine.give(source({ from: 'microphone', deviceId: 'default', groupId: 'built-in' }));
    expect(machine.stopped).toEqual([headset.track]);
    machine.send(listed(entry('built-in')));
    expect(machine.opens).toBe(2);
  });

  it('is not followed by a microphone that the person has chosen', () => {
    const chosen = source({ from: 'microphone', deviceId: 'a', groupId: 'a' });
    expect(live(chosen).send(listed(entry('b'))).opens).toBe(1);
  });
});

describe('SRC-5 a remembered camera', () => {
  const remembered: Identity = { from: 'camera', deviceId: 'usb-1', label: 'USB camera' };
  const resume = () =>
    new Machine().send({ type: 'WISHED', wish: wish({ deviceId: 'usb-1', remembered }) });

  it.each<[string, ListedDevice[], string | undefined]>([
    ['is found by its name', [device('in', 'Built-in'), device('usb-2')], 'usb-2'],
    ['is replaced by the next best', [device('in', 'Built-in'), device('ir', 'IR')], 'in'],
    ['is replaced by what the browser has, without a list', [], undefined],
    ['is replaced by what the browser has, if it does not open', [device('usb-1')], undefined],
  ])('%s', (_, devices, deviceId) => {
    const machine = resume().refuse('chosen-missing').send(seen(devices));
    expect(machine.asked.deviceId).toBe(deviceId);
    machine.give(source({ deviceId: 'x' }));
    expect(machine.state).toMatchObject({ phase: 'live', source: { request: 1 } });
  });

  it('is waited for if there is no camera at all', () => {
    const machine = resume().refuse('chosen-missing').send(seen([])).refuse('missing');
    expect(machine.state).toMatchObject({ phase: 'ended', was: remembered });
    machine.send(listed([device('usb-2')]));
    expect(machine.asked.deviceId).toBe('usb-2');
  });

  it('is waited for while another program has it', () => {
    const machine = resume().refuse('in-use');
    expect(machine.state).toMatchObject({ phase: 'ended', was: remembered });
    expect(machine.timer).toBe(reopenAfterMs(0));
  });

  it('needs the person if the permission is gone', () => {
    const machine = resume().refuse('refused');
    expect(machine.state).toMatchObject({ phase: 'ended', needsPerson: true });
    expect(machine.timer).toBeUndefined();
  });
});

it('SRC-5 after a reload a shared screen waits for the person', () => {
  const was: Identity = { from: 'screen', deviceId: undefined, label: 'A window' };
  const machine = new Machine().send({ type: 'MISSED', was }, { type: 'TIMER' });
  machine.send(listed([device('usb-1')]));
  expect(machine.state).toMatchObject({ phase: 'ended', was, needsPerson: true });
  expect(machine.opens).toBe(0);
  machine.send({ type: 'WISHED', wish: wish({ from: 'screen' }) }).refuse('refused');
  expect(machine.state).toMatchObject({ phase: 'ended', was, fault: { code: 'refused' } });
});

describe('SRC-2 a source that the system mutes', () => {
  it.each([false, true])('is muted from the start: %s', (muted) => {
    const machine = live(source({ track: asTrack(muted) }));
    expect(machine.state.phase).toBe(muted ? 'muted' : 'live');
  });

  it('keeps its state while another one is opened, and after that fails', () => {
    const camera = source();
    const machine = live(camera).send({ type: 'WISHED', wish: wish({ request: 2 }) });
    machine.send({ type: 'MUTED', track: camera.track });
    expect(machine.state).toMatchObject({ phase: 'replacing', muted: true });
    machine.refuse('missing');
    expect(machine.state).toMatchObject({ phase: 'muted', fault: { code: 'missing' } });
    machine.send({ type: 'UNMUTED', track: camera.track });
    expect(machine.state.phase).toBe('live');
  });

  it('may end while it is muted', () => {
    const camera = source();
    const machine = live(camera).send({ type: 'MUTED', track: camera.track }, end(camera));
    expect(machine.state.phase).toBe('ended');
  });
});

const TYPES = [
  'wish',
  'give',
  'refuse',
  'mute',
  'unmute',
  'end',
  'list',
  'timer',
  'clear',
] as const;

it('SRC-3 in any order of events at most one track is open, and each other one is stopped', () => {
  const steps = fc.array(fc.tuple(fc.constantFrom(...TYPES), fc.nat(5)), { maxLength: 60 });
  fc.assert(
    fc.property(steps, (run) => {
      const machine = new Machine();
      const tracks: MediaStreamTrack[] = [];
      const over = new Set<MediaStreamTrack>();
      const wishes = () =>
        machine.commands.flatMap((command) => (command.do === 'open' ? [command.wish] : []));
      const answered = new Set<Wish>();
      let request = 0;
      for (const [type, pick] of run) {
        const waiting = wishes().filter((each) => !answered.has(each));
        const asked = waiting[pick % Math.max(1, waiting.length)];
        const track = tracks[pick % Math.max(1, tracks.length)];
        if (type === 'wish') {
          request += 1;
          const from = pick % 3 === 0 ? 'screen' : 'camera';
          machine.send({ type: 'WISHED', wish: wish({ from, request, deviceId: 'usb-1' }) });
        } else if (type === 'give' && asked) {
          const made = source({ track: asTrack(pick === 5), from: asked.from });
          tracks.push(made.track);
          answered.add(asked);
          machine.send({ type: 'OPENED', wish: asked, source: made });
        } else if (type === 'refuse' && asked) {
          answered.add(asked);
          const code = (['in-use', 'missing', 'refused', 'chosen-missing'] as const)[pick % 4];
          machine.send({ type: 'REFUSED', wish: asked, fault: fault(code ?? 'other') });
        } else if ((type === 'mute' || type === 'unmute') && track) {
          machine.send({ type: type === 'mute' ? 'MUTED' : 'UNMUTED', track });
        } else if (type === 'end' && track && !machine.stopped.includes(track)) {
          over.add(track);
          machine.send({ type: 'ENDED', track });
        } else if (type === 'list') {
          machine.send(listed([device('usb-1')], { permitted: pick > 2, changed: pick > 0 }));
        } else if (type === 'timer') machine.send({ type: 'TIMER' });
        else if (type === 'clear') machine.send({ type: 'CLEARED' });
        const open = tracks.filter((each) => !over.has(each) && !machine.stopped.includes(each));
        const held = sourceOf(machine.state)?.track;
        expect(open).toEqual(held ? [held] : []);
        expect(new Set(machine.stopped).size).toBe(machine.stopped.length);
      }
    }),
  );
});
