/**
 * One source of a publisher, a camera or screen or a microphone, as a pure function: stepSource(state,
 * event) returns the next state and the commands that SourceControl runs. It knows nothing of the
 * connection: a broadcast goes on whatever its sources do.
 */
import type { CaptureFault } from './capture-fault.ts';

export type SourceKind = 'camera' | 'screen' | 'microphone';

/** What a device is found again by. Its id changes with another port, and when site data is cleared. */
export interface Identity {
  readonly from: SourceKind;
  readonly deviceId: string | undefined;
  readonly label: string;
}

/** An open source. */
export interface OpenSource extends Identity {
  readonly track: MediaStreamTrack;
  /** Of the hardware. The device `default` has that of the device for which it stands. */
  readonly groupId: string | undefined;
  /** The request that opened it. */
  readonly request: number;
  /** The label of the device that the page remembered, if this one was taken in its place. */
  readonly insteadOf: string | undefined;
}

/** A request to open a source. An answer belongs to the wish object that it names. */
export interface Wish {
  readonly from: SourceKind;
  /** Undefined: the one that the browser or the person chooses. */
  readonly deviceId: string | undefined;
  /** Wishes that follow from another one have its number. */
  readonly request: number;
  /** The page remembers this device. If it is not there, the next best one is opened. */
  readonly remembered?: Identity;
}

/** A device of the source's kind. */
export interface ListedDevice {
  readonly id: string;
  readonly label: string;
  readonly groupId: string;
}

export interface None {
  readonly phase: 'none';
  /** What could not be opened, for `fault`. */
  readonly from?: SourceKind;
  readonly fault?: CaptureFault | undefined;
}

/** It ended on its own: unplugged, stopped by the system, permission revoked, sharing stopped. */
export interface Ended {
  readonly phase: 'ended';
  readonly was: Identity;
  /** Whether it was in the newest list of devices; undefined before the first list. */
  readonly present: boolean | undefined;
  /** It was missing in a list since it ended: the person plugs it in again, and expects to see it. */
  readonly seenGone: boolean;
  /** The page may not open it again without the person. */
  readonly needsPerson: boolean;
  /** How often it was tried to open it again. */
  readonly tries: number;
  /** The attempt that is being made. */
  readonly attempt: Wish | undefined;
  readonly fault?: CaptureFault | undefined;
}

export type SourceState =
  | None
  | { readonly phase: 'opening'; readonly wish: Wish; readonly before: None | Ended }
  | {
      readonly phase: 'live';
      readonly source: OpenSource;
      readonly fault?: CaptureFault | undefined;
    }
  /** The system gives no frames or samples for now: a phone call, a privacy switch. */
  | {
      readonly phase: 'muted';
      readonly source: OpenSource;
      readonly fault?: CaptureFault | undefined;
    }
  /** `source` continues until the wish has replaced it. */
  | {
      readonly phase: 'replacing';
      readonly source: OpenSource;
      readonly muted: boolean;
      readonly wish: Wish;
    }
  | Ended;

export type SourceEvent =
  | { readonly type: 'WISHED'; readonly wish: Wish }
  /** The page was reloaded and may not open this source, a screen, without the person. */
  | { readonly type: 'MISSED'; readonly was: Identity }
  | { readonly type: 'OPENED'; readonly wish: Wish; readonly source: OpenSource }
  | { readonly type: 'REFUSED'; readonly wish: Wish; readonly fault: CaptureFault }
  | { readonly type: 'MUTED' | 'UNMUTED' | 'ENDED'; readonly track: MediaStreamTrack }
  /**
   * The devices of this kind. `permitted`: they can be opened without a prompt. `changed`: the browser
   * has reported a change, or it is time to try again; otherwise nothing is opened.
   */
  | {
      readonly type: 'LISTED';
      readonly devices: readonly ListedDevice[];
      readonly permitted: boolean;
      readonly changed: boolean;
    }
  | { readonly type: 'TIMER' }
  | { readonly type: 'CLEARED' };

export type SourceCommand =
  | { readonly do: 'open'; readonly wish: Wish }
  | { readonly do: 'stop'; readonly track: MediaStreamTrack }
  /** LISTED follows, with this `changed`. */
  | { readonly do: 'list'; readonly changed: boolean }
  /** Replaces the timer that runs; with `undefined` no timer runs. */
  | { readonly do: 'timer'; readonly ms: number | undefined };

export interface SourceStep {
  readonly state: SourceState;
  readonly commands: readonly SourceCommand[];
}

/**
 * When it is tried again to open a source that has ended, ms. Some browsers report nothing when a
 * device is back; a driver that was reset needs a second or two; another program may keep the device
 * for long.
 */
const REOPEN_MS = [1_000, 2_000, 4_000, 8_000, 15_000] as const;

export function reopenAfterMs(tries: number): number {
  return REOPEN_MS[Math.min(tries, REOPEN_MS.length - 1)] ?? 15_000;
}

export function stepSource(state: SourceState, event: SourceEvent): SourceStep {
  switch (event.type) {
    case 'WISHED':
      return wished(state, event.wish);
    case 'MISSED':
      return state.phase === 'none' ? settle(endedFrom(event.was)) : step(state);
    case 'OPENED':
      return opened(state, event);
    case 'REFUSED':
      return refused(state, event);
    case 'MUTED':
    case 'UNMUTED':
      return mutedOrNot(state, event.track, event.type === 'MUTED');
    case 'ENDED':
      return ended(state, event.track);
    case 'LISTED':
      return listed(state, event);
    case 'TIMER':
      return state.phase === 'ended' ? step(state, { do: 'list', changed: true }) : step(state);
    case 'CLEARED':
      return step({ phase: 'none' }, NO_TIMER, ...stopping(state));
    default:
      return event satisfies never;
  }
}

const NO_TIMER = { do: 'timer', ms: undefined } as const;

function step(state: SourceState, ...commands: SourceCommand[]): SourceStep {
  return { state, commands };
}

/** The source that is sent in this state. */
export function sourceOf(state: SourceState): OpenSource | undefined {
  switch (state.phase) {
    case 'live':
    case 'muted':
    case 'replacing':
      return state.source;
    case 'none':
    case 'opening':
    case 'ended':
      return undefined;
    default:
      return state satisfies never;
  }
}

/** The wish that is being fulfilled in this state. */
function pendingOf(state: SourceState): Wish | undefined {
  switch (state.phase) {
    case 'opening':
    case 'replacing':
      return state.wish;
    case 'ended':
      return state.attempt;
    case 'none':
    case 'live':
    case 'muted':
      return undefined;
    default:
      return state satisfies never;
  }
}

function stopping(state: SourceState): SourceCommand[] {
  const source = sourceOf(state);
  return source ? [{ do: 'stop', track: source.track }] : [];
}

function wished(state: SourceState, wish: Wish): SourceStep {
  const open = { do: 'open', wish } as const;
  switch (state.phase) {
    case 'none':
      return step({ phase: 'opening', wish, before: { phase: 'none' } }, open);
    case 'opening':
      return step({ ...state, wish }, open);
    case 'live':
    case 'muted': {
      const muted = state.phase === 'muted';
      return step({ phase: 'replacing', source: state.source, muted, wish }, open);
    }
    case 'replacing':
      return step({ ...state, wish }, open);
    case 'ended': {
      const before: Ended = { ...state, attempt: undefined, fault: undefined };
      return step({ phase: 'opening', wish, before }, NO_TIMER, open);
    }
    default:
      return state satisfies never;
  }
}

function opened(
  state: SourceState,
  { wish, source }: Extract<SourceEvent, { type: 'OPENED' }>,
): SourceStep {
  // The person has wished something else in the meantime.
  if (pendingOf(state) !== wish) return step(state, { do: 'stop', track: source.track });
  const phase = source.track.muted ? 'muted' : 'live';
  return step({ phase, source }, NO_TIMER, ...stopping(state));
}

function refused(
  state: SourceState,
  { wish, fault }: Extract<SourceEvent, { type: 'REFUSED' }>,
): SourceStep {
  if (pendingOf(state) !== wish) return step(state);
  switch (state.phase) {
    case 'opening': {
      const { remembered } = wish;
      const { before } = state;
      const back = before.phase === 'none' ? { ...before, from: wish.from } : before;
      if (!remembered) return settle({ ...back, fault });
      // The id says where it was plugged in: look for it by its name, then for any other.
      const mayBeElsewhere = fault.code === 'chosen-missing' && wish.deviceId !== undefined;
      if (mayBeElsewhere) return step(state, { do: 'list', changed: false });
      if (isRefusal(fault)) return settle({ ...endedFrom(remembered), needsPerson: true, fault });
      return settle({ ...endedFrom(remembered), fault });
    }
    case 'replacing': {
      const { source, muted } = state;
      const isCamera = wish.from === 'camera' && source.from === 'camera';
      if (isCamera && fault.code === 'in-use') {
        // Many phones open only one camera at a time: stop the old one and try again.
        const before = endedFrom(source);
        const again = { ...wish };
        return step(
          { phase: 'opening', wish: again, before },
          { do: 'stop', track: source.track },
          { do: 'open', wish: again },
        );
      }
      return step({ phase: muted ? 'muted' : 'live', source, fault });
    }
    case 'ended': {
      const tries = state.tries + 1;
      const needsPerson = isRefusal(fault);
      return settle({ ...state, attempt: undefined, tries, needsPerson });
    }
    case 'none':
    case 'live':
    case 'muted':
      return step(state);
    default:
      return state satisfies never;
  }
}

function isRefusal({ code }: CaptureFault): boolean {
  return code === 'refused' || code === 'refused-by-system';
}

function endedFrom({ from, deviceId, label }: Identity): Ended {
  return {
    phase: 'ended',
    was: { from, deviceId, label },
    present: undefined,
    seenGone: false,
    // The person chooses a screen, every time.
    needsPerson: from === 'screen',
    tries: 0,
    attempt: undefined,
  };
}

/** Waits for the time to try again, or for the person. */
function settle(state: None | Ended): SourceStep {
  if (state.phase === 'none' || state.needsPerson) return step(state, NO_TIMER);
  return step(state, { do: 'timer', ms: reopenAfterMs(state.tries) });
}

function mutedOrNot(state: SourceState, track: MediaStreamTrack, muted: boolean): SourceStep {
  if (sourceOf(state)?.track !== track) return step(state);
  if (state.phase === 'replacing') return step({ ...state, muted });
  if (state.phase !== 'live' && state.phase !== 'muted') return step(state);
  return step({ ...state, phase: muted ? 'muted' : 'live' });
}

function ended(state: SourceState, track: MediaStreamTrack): SourceStep {
  const source = sourceOf(state);
  if (source?.track !== track) return step(state);
  const before = endedFrom(source);
  if (state.phase === 'replacing') {
    return step({ phase: 'opening', wish: state.wish, before });
  }
  const waiting = settle(before);
  if (before.needsPerson) return waiting;
  // The list may show already that it is gone; nothing is opened before the first wait is over.
  return step(before, ...waiting.commands, { do: 'list', changed: false });
}

function listed(
  state: SourceState,
  { devices, permitted, changed }: Extract<SourceEvent, { type: 'LISTED' }>,
): SourceStep {
  switch (state.phase) {
    case 'none': {
      // The browser may give no list before the first permission, only the news that it has changed.
      if (!changed || state.from !== 'camera' || state.fault?.code !== 'missing') {
        return step(state);
      }
      const wish: Wish = { from: 'camera', deviceId: undefined, request: 0 };
      return wished(state, wish);
    }
    case 'opening': {
      const { remembered, deviceId, request } = state.wish;
      if (changed || !remembered || deviceId === undefined) return step(state);
      const next = findAgain(remembered, devices) ?? devices[0];
      const tried = next?.id === deviceId ? undefined : next?.id;
      const wish: Wish = { from: remembered.from, deviceId: tried, request, remembered };
      return step({ ...state, wish }, { do: 'open', wish });
    }
    case 'live':
    case 'muted': {
      const { source } = state;
      const chosen = devices.find(({ id }) => id === source.deviceId);
      // The system has another default microphone now; the track stays with the one before.
      const isOther = chosen?.id === 'default' && chosen.groupId !== source.groupId;
      if (!changed || !isOther || !permitted) return step(state);
      const { from, request } = source;
      return wished(state, { from, deviceId: 'default', request });
    }
    case 'ended':
      return listedAfterEnd(state, devices, permitted, changed);
    case 'replacing':
      return step(state);
    default:
      return state satisfies never;
  }
}

function listedAfterEnd(
  state: Ended,
  devices: readonly ListedDevice[],
  permitted: boolean,
  changed: boolean,
): SourceStep {
  if (state.was.from === 'screen' || state.attempt) return step(state);
  const device = findAgain(state.was, devices);
  const present = device !== undefined;
  const seenGone = state.seenGone || !present;
  const seen: Ended = { ...state, present, seenGone };
  if (!changed) return step(seen);
  if (!device) return settle({ ...seen, tries: state.tries + 1, needsPerson: false });
  // A device that never was away stopped for another reason, maybe a revoked permission: no prompt.
  if (!permitted && !seenGone) return settle({ ...seen, needsPerson: true });
  const { from } = state.was;
  const attempt: Wish = { from, deviceId: device.id, request: 0 };
  return step({ ...seen, attempt }, { do: 'open', wish: attempt });
}

/** The same device by its id, or else by its name: another port gives it another id. */
export function findAgain(
  { deviceId, label }: Identity,
  devices: readonly ListedDevice[],
): ListedDevice | undefined {
  const byId = devices.find(({ id }) => id === deviceId);
  return byId ?? devices.find((device) => label !== '' && device.label === label);
}
