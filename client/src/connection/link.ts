import { type ReadonlySignal, signal } from '@preact/signals-core';
import type { types } from 'mediasoup-client';
import * as v from 'valibot';
import { ERRORS, OnecastError } from '#protocol/errors.ts';
import type { RoomView, SessionGrant } from '#protocol/signalling.ts';
import { type SessionId, SessionIdSchema } from '#protocol/ids.ts';
import { PROTOCOL_VERSION } from '#protocol/version.ts';
import { Driver, type Effects } from './driver.ts';
import { watchPage } from './page-events.ts';
import { SignalClient, type SignalEvents } from './signal-client.ts';
import {
  type Event,
  holdsSession,
  type SessionAnswer,
  type SessionOpened,
  type State,
} from './states.ts';
import type { Faults } from './page-console.ts';
import type { ConnectionTrace } from './trace.ts';
import type { Failure } from './types.ts';

/** A valid id that no server has given to a session. */
const UNKNOWN_SESSION = v.parse(SessionIdSchema, 'simulated-gone--');

/** What differs between publisher and viewer. */
export interface Role {
  /** How long it keeps trying to connect, ms. */
  readonly patienceMs: number;
  readonly trace: ConnectionTrace;
  readonly push: SignalEvents['push'];
  /** The id of the page's own transport, while that is open. */
  transportId(): string | undefined;
  /** Joins or publishes. */
  openSession(): Promise<SessionOpened>;
  /** Makes the page's media match a new answer. */
  applyAnswer(answer: SessionAnswer): void;
  restartIce(iceParameters: types.IceParameters, signal: AbortSignal): Promise<void>;
  requestKeyFrame(): Promise<void>;
  dropMedia(): void;
}

/** A page's connection to the server: its socket, its session and its machine. */
export class Link {
  readonly signalling: SignalClient;
  readonly #role: Role;
  readonly #driver: Driver;
  readonly #room = signal<RoomView | undefined>(undefined);
  readonly #unwatch: () => void;
  #grant: SessionGrant | undefined;

  constructor(role: Role) {
    this.#role = role;
    this.signalling = new SignalClient({
      up: () => this.send({ type: 'SOCKET_UP' }),
      down: () => this.send({ type: 'SOCKET_DOWN' }),
      push: {
        roomChanged: (room) => this.updateRoom(room),
        transportGone: ({ transportId }) => {
          if (transportId === role.transportId()) this.send({ type: 'TRANSPORT_GONE' });
        },
        superseded: () => this.send({ type: 'SUPERSEDED' }),
        sessionClosed: ({ code }) =>
          this.send({ type: 'REFUSED', code, retry: ERRORS[code].retry }),
        draining: ({ retryInMs }) => this.send({ type: 'SERVER_DRAINING', retryInMs }),
        ...role.push,
      },
    });
    this.#driver = new Driver(this.#effects(), role.patienceMs, role.trace);
    this.#unwatch = watchPage({
      online: () => this.send({ type: 'ONLINE' }),
      visible: () => this.send({ type: 'VISIBLE' }),
      // With this the server knows at once; without it, only after a timeout.
      leaving: () => this.close(),
    });
  }

  get state(): ReadonlySignal<State> {
    return this.#driver.state;
  }

  get room(): ReadonlySignal<RoomView | undefined> {
    return this.#room;
  }

  /** The public id of the session, for logs; undefined while there is none. */
  get sessionId(): SessionId | undefined {
    return this.#grant?.sessionId;
  }

  updateRoom(room: RoomView): void {
    const known = this.#room.value;
    // The answer to a later request may arrive before a push.
    if (known && room.epoch < known.epoch && this.state.value.phase === 'live') return;
    this.#room.value = room;
  }

  send(event: Event): void {
    this.#driver.send(event);
  }

  transportStateChanged(state: types.ConnectionState): void {
    switch (state) {
      case 'connecting':
        return this.send({ type: 'MEDIA_PENDING' });
      case 'connected':
        return this.send({ type: 'MEDIA_READY' });
      case 'disconnected':
        return this.send({ type: 'MEDIA_DISCONNECTED' });
      case 'failed':
        return this.send({ type: 'MEDIA_FAILED' });
      case 'new':
      case 'closed':
        return;
      default:
        state satisfies never;
    }
  }

  /** Sends the page's side of a transport. Nothing waits for the answer: ICE shows whether it worked. */
  connectTransport(transportId: string, dtlsParameters: types.DtlsParameters): void {
    this.signalling
      .request('connectTransport', { transportId, dtlsParameters })
      .catch((error: unknown) => this.requestFailed(error));
  }

  /** Whether the page still has the transport that the server names. */
  isOpenTransport(transportId: string | null): boolean {
    return transportId !== null && transportId === this.#role.transportId();
  }

  /** A request that is not one of the machine's commands failed. */
  requestFailed(error: unknown): void {
    if (error instanceof OnecastError) {
      this.send({ type: 'REFUSED', code: error.code, retry: error.retry });
    } else {
      console.warn('onecast:', error);
    }
  }

  get failure(): Failure | undefined {
    const state = this.state.value;
    if (state.phase !== 'failed') return undefined;
    const { code } = state;
    return {
      code,
      message:
        code === 'gave-up' ? 'The server could not be reached for too long.' : ERRORS[code].message,
    };
  }

  /** The faults that a page of either role can simulate. */
  get faults(): Faults {
    return {
      'socket-drop': () => this.signalling.cut(),
      'server-drain': () => this.send({ type: 'SERVER_DRAINING', retryInMs: 500 }),
      'session-loss': () => {
        this.#grant = this.#grant && { ...this.#grant, sessionId: UNKNOWN_SESSION };
        this.signalling.cut();
      },
      'ice-failure': () => this.send({ type: 'MEDIA_FAILED' }),
      'network-change': () => this.send({ type: 'ONLINE' }),
      'transport-loss': () => {
        this.#role.dropMedia();
        this.send({ type: 'TRANSPORT_GONE' });
      },
    };
  }

  /** Leaves the room. Idempotent. */
  close(): void {
    this.#unwatch();
    if (holdsSession(this.state.value)) {
      // Best effort: the page may be closing.
      this.signalling.request('leave', {}).catch(() => undefined);
    }
    this.send({ type: 'LEAVE' });
  }

  #effects(): Effects {
    const role = this.#role;
    return {
      openSocket: () => this.signalling.open(),
      closeSocket: () => this.signalling.close(),
      openSession: () => role.openSession(),
      resume: async () => {
        const grant = this.#grant;
        if (!grant) throw new OnecastError('session-gone');
        const value = await this.signalling.request('resume', {
          protocol: PROTOCOL_VERSION,
          ...grant,
        });
        // Here and not in applyAnswer: the secret before is spent even if the phase is over.
        this.#grant = value.session;
        const transport = this.isOpenTransport(value.transportId) ? 'kept' : 'gone';
        return { transport, answer: { to: 'resume', value } };
      },
      restartIce: async (abort) => {
        const transportId = role.transportId();
        if (transportId === undefined) throw new OnecastError('transport-gone');
        const { iceParameters } = await this.signalling.probe('restartIce', { transportId });
        await role.restartIce(iceParameters, abort);
      },
      renewTransport: async () => {
        const value = await this.signalling.request('renewTransport', {});
        return { to: 'renewTransport', value };
      },
      applyAnswer: (answer) => {
        if (answer.to !== 'renewTransport') this.#grant = answer.value.session;
        this.#room.value = answer.value.room;
        role.applyAnswer(answer);
      },
      requestKeyFrame: () => role.requestKeyFrame(),
      dropMedia: () => role.dropMedia(),
      forgetSession: () => {
        this.#grant = undefined;
      },
    };
  }
}
