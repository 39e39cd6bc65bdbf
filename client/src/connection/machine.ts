/**
 * The connection of a page as a pure function: step(state, event, env) returns the next state and
 * the commands that the driver runs. There is one function for each phase, and it lists every event:
 * first those that the phase reacts to, then those that it ignores. Both roles use it; only the role
 * knows what `openSession` and `renewTransport` request.
 */
import type {
  Connecting,
  Env,
  Event,
  Idle,
  Joining,
  Live,
  Negotiating,
  Rebuilding,
  Repairing,
  Resuming,
  State,
  Step,
  Waiting,
} from './states.ts';
import { TIMING } from './timing.ts';
import {
  applying,
  connect,
  end,
  endRefused,
  goLive,
  MEDIA_AFTER,
  negotiate,
  openSession,
  rebuild,
  rebuildOrWait,
  refused,
  repair,
  resume,
  stay,
  wait,
  waitForDrain,
} from './transitions.ts';

export const INITIAL: State = { phase: 'idle' };

export function step(state: State, event: Event, env: Env): Step {
  switch (state.phase) {
    case 'idle':
      return idle(state, event);
    case 'waiting':
      return waiting(state, event, env);
    case 'connecting':
      return connecting(state, event, env);
    case 'joining':
      return joining(state, event, env);
    case 'resuming':
      return resuming(state, event, env);
    case 'negotiating':
      return negotiating(state, event, env);
    case 'live':
      return live(state, event, env);
    case 'repairing':
      return repairing(state, event, env);
    case 'rebuilding':
      return rebuilding(state, event, env);
    case 'ended':
    case 'failed':
      return stay(state);
    default:
      return state satisfies never;
  }
}

function idle(state: Idle, event: Event): Step {
  switch (event.type) {
    case 'START':
      return connect({ session: false, media: 'none', attempt: 0, troubleSince: undefined });
    case 'LEAVE':
      return end('left');
    case 'SUPERSEDED':
      return end('superseded');
    case 'SOCKET_UP':
    case 'SOCKET_DOWN':
    case 'SESSION_OPENED':
    case 'SESSION_RESUMED':
    case 'TRANSPORT_RENEWED':
    case 'PATH_PROVEN':
    case 'REFUSED':
    case 'MEDIA_PENDING':
    case 'MEDIA_READY':
    case 'MEDIA_DISCONNECTED':
    case 'MEDIA_FAILED':
    case 'TRANSPORT_GONE':
    case 'TIMER':
    case 'ONLINE':
    case 'VISIBLE':
    case 'SERVER_DRAINING':
      return stay(state);
    default:
      return event satisfies never;
  }
}

function waiting(state: Waiting, event: Event, env: Env): Step {
  switch (event.type) {
    case 'TIMER':
      return connect(state);
    case 'ONLINE':
    case 'VISIBLE':
      // The conditions have improved: the waits start again with the shortest one.
      return connect({ ...state, attempt: 0 });
    case 'SERVER_DRAINING':
      return waitForDrain(state, event, env);
    case 'MEDIA_PENDING':
    case 'MEDIA_READY':
    case 'MEDIA_DISCONNECTED':
    case 'MEDIA_FAILED':
    case 'TRANSPORT_GONE':
      return stay({ ...state, media: MEDIA_AFTER[event.type] });
    case 'LEAVE':
      return end('left');
    case 'SUPERSEDED':
      return end('superseded');
    case 'START':
    case 'SOCKET_UP':
    case 'SOCKET_DOWN':
    case 'SESSION_OPENED':
    case 'SESSION_RESUMED':
    case 'TRANSPORT_RENEWED':
    case 'PATH_PROVEN':
    case 'REFUSED':
      return stay(state);
    default:
      return event satisfies never;
  }
}

function connecting(state: Connecting, event: Event, env: Env): Step {
  switch (event.type) {
    case 'SOCKET_UP':
      return state.session ? resume(state) : openSession(state);
    case 'SOCKET_DOWN':
    case 'TIMER':
      return wait(state, env);
    case 'SERVER_DRAINING':
      return waitForDrain(state, event, env);
    case 'MEDIA_PENDING':
    case 'MEDIA_READY':
    case 'MEDIA_DISCONNECTED':
    case 'MEDIA_FAILED':
    case 'TRANSPORT_GONE':
      return stay({ ...state, media: MEDIA_AFTER[event.type] });
    case 'LEAVE':
      return end('left');
    case 'SUPERSEDED':
      return end('superseded');
    case 'START':
    case 'SESSION_OPENED':
    case 'SESSION_RESUMED':
    case 'TRANSPORT_RENEWED':
    case 'PATH_PROVEN':
    case 'REFUSED':
    case 'ONLINE':
    case 'VISIBLE':
      return stay(state);
    default:
      return event satisfies never;
  }
}

function joining(state: Joining, event: Event, env: Env): Step {
  switch (event.type) {
    case 'SESSION_OPENED':
      return applying(event.answer, sessionOpened(state, event.ahead, env));
    case 'REFUSED':
      // The session that could be renewed or rebuilt does not exist yet.
      return event.retry === 'never' ? endRefused(event.code) : wait(state, env);
    case 'SOCKET_DOWN':
    case 'TIMER':
      return wait(state, env);
    case 'SERVER_DRAINING':
      return waitForDrain(state, event, env);
    case 'MEDIA_PENDING':
    case 'MEDIA_READY':
    case 'MEDIA_DISCONNECTED':
    case 'MEDIA_FAILED':
    case 'TRANSPORT_GONE':
      return stay({ ...state, media: MEDIA_AFTER[event.type] });
    case 'LEAVE':
      return end('left');
    case 'SUPERSEDED':
      return end('superseded');
    case 'START':
    case 'SOCKET_UP':
    case 'SESSION_RESUMED':
    case 'TRANSPORT_RENEWED':
    case 'PATH_PROVEN':
    case 'ONLINE':
    case 'VISIBLE':
      return stay(state);
    default:
      return event satisfies never;
  }
}

function sessionOpened(state: Joining, ahead: boolean, env: Env): Step {
  if (ahead && state.media === 'up') return goLive(state, env);
  // The transport came up and failed before the socket was up.
  if (ahead && state.media === 'down') return rebuild(state, 'down');
  return negotiate(state);
}

function resuming(state: Resuming, event: Event, env: Env): Step {
  switch (event.type) {
    case 'SESSION_RESUMED':
      return applying(event.answer, sessionResumed(state, event.transport, env));
    case 'REFUSED':
      return refused(state, event, env);
    case 'SOCKET_DOWN':
    case 'TIMER':
      return wait(state, env);
    case 'SERVER_DRAINING':
      return waitForDrain(state, event, env);
    case 'MEDIA_PENDING':
    case 'MEDIA_READY':
    case 'MEDIA_DISCONNECTED':
    case 'MEDIA_FAILED':
    case 'TRANSPORT_GONE':
      return stay({ ...state, media: MEDIA_AFTER[event.type] });
    case 'LEAVE':
      return end('left');
    case 'SUPERSEDED':
      return end('superseded');
    case 'START':
    case 'SOCKET_UP':
    case 'SESSION_OPENED':
    case 'TRANSPORT_RENEWED':
    case 'PATH_PROVEN':
    case 'ONLINE':
    case 'VISIBLE':
      return stay(state);
    default:
      return event satisfies never;
  }
}

function sessionResumed(state: Resuming, transport: 'kept' | 'gone', env: Env): Step {
  if (transport === 'gone') return rebuild(state, state.media);
  switch (state.media) {
    case 'pending':
      // It was half set up when the socket went down: the server may not know the page's side.
      return rebuild(state, state.media);
    case 'up':
      return goLive(state, env);
    case 'disturbed':
    case 'down':
      return repair(state);
    default:
      return state.media satisfies never;
  }
}

function negotiating(state: Negotiating, event: Event, env: Env): Step {
  switch (event.type) {
    case 'MEDIA_READY':
      return goLive(state, env);
    case 'MEDIA_PENDING':
      return stay({ ...state, media: 'pending' });
    case 'MEDIA_DISCONNECTED':
      return stay({ ...state, media: 'disturbed' });
    case 'MEDIA_FAILED':
      return rebuildOrWait(state, 'down', env);
    case 'TIMER':
      return rebuildOrWait(state, state.media, env);
    case 'TRANSPORT_GONE':
      return rebuild(state, 'down');
    case 'REFUSED':
      return refused(state, event, env);
    case 'SOCKET_DOWN':
      return wait(state, env);
    case 'SERVER_DRAINING':
      return waitForDrain(state, event, env);
    case 'LEAVE':
      return end('left');
    case 'SUPERSEDED':
      return end('superseded');
    case 'START':
    case 'SOCKET_UP':
    case 'SESSION_OPENED':
    case 'SESSION_RESUMED':
    case 'TRANSPORT_RENEWED':
    case 'PATH_PROVEN':
    case 'ONLINE':
    case 'VISIBLE':
      return stay(state);
    default:
      return event satisfies never;
  }
}

function live(state: Live, event: Event, env: Env): Step {
  switch (event.type) {
    case 'MEDIA_DISCONNECTED':
      return {
        state: { ...state, media: 'disturbed' },
        commands: [{ do: 'timer', ms: TIMING.disturbanceGraceMs }],
      };
    case 'MEDIA_READY':
      // The disturbance ended within its grace.
      return { state: { ...state, media: 'up' }, commands: [{ do: 'timer', ms: undefined }] };
    case 'MEDIA_PENDING':
      // The first broadcast reaches a viewer that had nothing to receive: its transport comes up now.
      return negotiate(state);
    case 'MEDIA_FAILED':
      return repair(state, 'down');
    case 'ONLINE':
      // The network path has changed. An ICE restart costs a round trip, a dead path costs seconds.
      return repair(state);
    case 'TIMER':
    case 'VISIBLE':
      return state.media === 'disturbed' ? repair(state) : stay(state);
    case 'TRANSPORT_GONE':
      return rebuild(state, 'down');
    case 'REFUSED':
      return refused(state, event, env);
    case 'SOCKET_DOWN':
      return wait(state, env);
    case 'SERVER_DRAINING':
      return waitForDrain(state, event, env);
    case 'LEAVE':
      return end('left');
    case 'SUPERSEDED':
      return end('superseded');
    case 'START':
    case 'SOCKET_UP':
    case 'SESSION_OPENED':
    case 'SESSION_RESUMED':
    case 'TRANSPORT_RENEWED':
    case 'PATH_PROVEN':
      return stay(state);
    default:
      return event satisfies never;
  }
}

function repairing(state: Repairing, event: Event, env: Env): Step {
  switch (event.type) {
    case 'PATH_PROVEN':
      // ICE works again, but DTLS has not been up on this transport yet.
      return state.media === 'pending' ? negotiate(state) : goLive(state, env);
    case 'MEDIA_PENDING':
    case 'MEDIA_READY':
    case 'MEDIA_DISCONNECTED':
    case 'MEDIA_FAILED':
      // While ICE restarts, these may describe the path that is dead: only PATH_PROVEN counts.
      return stay({ ...state, media: MEDIA_AFTER[event.type] });
    case 'TIMER':
      return rebuild(state, state.media);
    case 'TRANSPORT_GONE':
      return rebuild(state, 'down');
    case 'REFUSED':
      return refused(state, event, env);
    case 'SOCKET_DOWN':
      return wait(state, env);
    case 'SERVER_DRAINING':
      return waitForDrain(state, event, env);
    case 'LEAVE':
      return end('left');
    case 'SUPERSEDED':
      return end('superseded');
    case 'START':
    case 'SOCKET_UP':
    case 'SESSION_OPENED':
    case 'SESSION_RESUMED':
    case 'TRANSPORT_RENEWED':
    case 'ONLINE':
    case 'VISIBLE':
      return stay(state);
    default:
      return event satisfies never;
  }
}

function rebuilding(state: Rebuilding, event: Event, env: Env): Step {
  switch (event.type) {
    case 'TRANSPORT_RENEWED':
      return applying(event.answer, negotiate(state));
    case 'REFUSED':
      // Rebuilding is what was refused.
      return event.retry === 'rebuild' ? wait(state, env) : refused(state, event, env);
    case 'SOCKET_DOWN':
    case 'TIMER':
      return wait(state, env);
    case 'SERVER_DRAINING':
      return waitForDrain(state, event, env);
    case 'MEDIA_PENDING':
    case 'MEDIA_READY':
    case 'MEDIA_DISCONNECTED':
    case 'MEDIA_FAILED':
    case 'TRANSPORT_GONE':
      return stay({ ...state, media: MEDIA_AFTER[event.type] });
    case 'LEAVE':
      return end('left');
    case 'SUPERSEDED':
      return end('superseded');
    case 'START':
    case 'SOCKET_UP':
    case 'SESSION_OPENED':
    case 'SESSION_RESUMED':
    case 'PATH_PROVEN':
    case 'ONLINE':
    case 'VISIBLE':
      return stay(state);
    default:
      return event satisfies never;
  }
}
