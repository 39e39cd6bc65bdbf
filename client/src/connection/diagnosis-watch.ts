import { effect, type ReadonlySignal, signal } from '@preact/signals-core';
import { causeOf, type MediaAddress, type MediaPath, type ServerReach } from './diagnosis.ts';
import {
  type ConnectionRole,
  type Diagnosis,
  diagnosisOf,
  type Limitation,
} from './diagnosis-words.ts';
import { observePath } from './path-observation.ts';
import type { Phase } from './states.ts';

/** The page's own transport, as far as the diagnosis needs it. */
export interface WatchedTransport {
  readonly id: string;
  /** Where the server asks this page to send media. */
  readonly servers: readonly MediaAddress[];
  /** Something should flow over it. */
  readonly expectsMedia: boolean;
  /** Data channels that are not open: they are being opened, or the browser refuses them. */
  readonly data: 'open' | 'opening' | 'refused';
}

export interface DiagnosisSource {
  readonly role: ConnectionRole;
  /** The host in this page's address. */
  readonly pageHost: string;
  /** The page wants a connection and has none, or live video and has none. */
  readonly troubled: ReadonlySignal<boolean>;
  readonly live: ReadonlySignal<boolean>;
  readonly phase: ReadonlySignal<Phase>;
  socketUp(): boolean;
  transport(): WatchedTransport | undefined;
  getStats(): Promise<RTCStatsReport | undefined>;
  probe(): Promise<ServerReach>;
  /** No websocket gets through: the page may do without. Called again and again, with pauses. */
  websocketBlocked?(): void;
}

const TICK_MS = 1_000;
/** A socket that is not up after this time is no short interruption: see whether the server answers. */
const PROBE_AFTER_MS = 3_000;
const PROBE_EVERY_MS = 5_000;
/** Data channels open within a few round trips after DTLS. */
const DATA_OPEN_AFTER_MS = 6_000;
/** A join without a socket, and the media that follows, take less than this. */
const WITHOUT_SOCKET_EVERY_MS = 8_000;
/** While media flows, a lost socket is no matter for people unless it stays away. */
const SOCKET_AWAY_AFTER_MS = 8_000;

/** What was observed since the connection was lost, or since the page began to connect. */
interface Trouble {
  readonly since: number;
  /** The transport that the page had before, and what had arrived on it. */
  readonly before: string | undefined;
  baseline: number | undefined;
  pathTriedSince: number | undefined;
  server: ServerReach | undefined;
  probedAt: number | undefined;
  socketFailures: number;
  withoutSocketAt: number | undefined;
}

/** Watches a connection that does not come up, and says why; and what does not work on one that is up. */
export class DiagnosisWatch {
  readonly #source: DiagnosisSource;
  readonly #diagnosis = signal<Diagnosis | undefined>(undefined);
  readonly #limitation = signal<Limitation | undefined>(undefined);
  readonly #stop: () => void;
  #trouble: Trouble | undefined;
  #liveSince: number | undefined;
  #socketUpAt = performance.now();
  #busy = false;
  #closed = false;

  constructor(source: DiagnosisSource) {
    this.#source = source;
    const stopFollowing = effect(() => {
      if (source.troubled.value) this.#begin();
      else this.#end();
      this.#liveSince = source.live.value ? performance.now() : undefined;
      if (this.#liveSince === undefined) this.#limitation.value = undefined;
    });
    let phase = source.phase.peek();
    const stopCounting = effect(() => {
      const now = source.phase.value;
      const failed = phase === 'connecting' && now === 'waiting';
      phase = now;
      const trouble = this.#trouble;
      if (failed && trouble?.server?.kind === 'answers') trouble.socketFailures += 1;
    });
    const timer = setInterval(() => void this.#tick(), TICK_MS);
    this.#stop = () => {
      clearInterval(timer);
      stopFollowing();
      stopCounting();
    };
  }

  /** Why the connection does not come up; undefined while it is up, or waiting is the best advice. */
  get diagnosis(): ReadonlySignal<Diagnosis | undefined> {
    return this.#diagnosis;
  }

  /** What is missing although the video is live. */
  get limitation(): ReadonlySignal<Limitation | undefined> {
    return this.#limitation;
  }

  /** The server has answered by HTTP, in a request of the page's own. */
  serverAnswered(reach: ServerReach): void {
    if (!this.#trouble) return;
    this.#trouble.server = reach;
    this.#trouble.probedAt = performance.now();
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true;
    this.#stop();
    this.#end();
  }

  #begin(): void {
    if (this.#trouble) return;
    this.#trouble = {
      since: performance.now(),
      before: this.#source.transport()?.id,
      baseline: undefined,
      pathTriedSince: undefined,
      server: undefined,
      probedAt: undefined,
      socketFailures: 0,
      withoutSocketAt: undefined,
    };
  }

  #end(): void {
    this.#trouble = undefined;
    this.#diagnosis.value = undefined;
  }

  /** Runs one at a time. */
  async #tick(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    if (this.#source.socketUp()) this.#socketUpAt = performance.now();
    try {
      const trouble = this.#trouble;
      if (trouble) await this.#diagnose(trouble);
      else await this.#findLimitation();
    } finally {
      this.#busy = false;
    }
  }

  async #diagnose(trouble: Trouble): Promise<void> {
    const waitedMs = performance.now() - trouble.since;
    if (!this.#source.socketUp() && waitedMs >= PROBE_AFTER_MS) await this.#probe(trouble);
    const path = await this.#observe(trouble);
    if (this.#trouble !== trouble || this.#closed) return;
    const cause = causeOf({
      waitedMs: performance.now() - trouble.since,
      pageHost: this.#source.pageHost,
      socket: this.#source.socketUp() ? 'up' : 'down',
      socketFailures: trouble.socketFailures,
      server: this.#source.socketUp() ? undefined : trouble.server,
      path,
    });
    if (cause?.kind === 'websocket-blocked') this.#goWithoutSocket(trouble);
    const before = this.#diagnosis.value;
    const next = cause && diagnosisOf(cause, this.#source.role);
    // Between two attempts there is less to see: what was found stays until something else is found.
    if (next === undefined || (before && next.cause === 'unknown')) return;
    if (next.detail !== before?.detail) this.#diagnosis.value = next;
  }

  #goWithoutSocket(trouble: Trouble): void {
    const now = performance.now();
    if (now - (trouble.withoutSocketAt ?? Number.NEGATIVE_INFINITY) < WITHOUT_SOCKET_EVERY_MS)
      return;
    trouble.withoutSocketAt = now;
    this.#source.websocketBlocked?.();
  }

  async #probe(trouble: Trouble): Promise<void> {
    const now = performance.now();
    if (trouble.probedAt !== undefined && now - trouble.probedAt < PROBE_EVERY_MS) return;
    trouble.probedAt = now;
    trouble.server = await this.#source.probe();
  }

  async #observe(trouble: Trouble): Promise<MediaPath | undefined> {
    const transport = this.#source.transport();
    if (!transport?.expectsMedia) return undefined;
    // A peer connection that is being closed may reject.
    const seen = observePath(await this.#source.getStats().catch(() => undefined));
    if (!seen) return undefined;
    if (transport.id === trouble.before) trouble.baseline ??= seen.arrived;
    trouble.pathTriedSince ??= performance.now();
    const baseline = transport.id === trouble.before ? (trouble.baseline ?? 0) : 0;
    const answered = seen.arrived > baseline;
    return {
      servers: transport.servers,
      localCandidates: seen.localCandidates,
      pairs: seen.pairs,
      triedMs: performance.now() - trouble.pathTriedSince,
      answered,
      up: answered && seen.dtlsUp !== false,
    };
  }

  async #findLimitation(): Promise<void> {
    const since = this.#liveSince;
    if (since === undefined) return;
    const data = this.#source.transport()?.data;
    const waited = performance.now() - since >= DATA_OPEN_AFTER_MS;
    if (data === 'refused' || (data === 'opening' && waited)) this.#limitation.value = 'no-overlay';
    else if (await this.#isWebsocketBlocked()) this.#limitation.value = 'no-websocket';
    else this.#limitation.value = undefined;
  }

  /** Whether the server answers and the socket stays away all the same. */
  async #isWebsocketBlocked(): Promise<boolean> {
    if (performance.now() - this.#socketUpAt < SOCKET_AWAY_AFTER_MS) return false;
    if (this.#limitation.value === 'no-websocket') return true;
    const { kind } = await this.#source.probe();
    return kind !== 'silent' && kind !== 'foreign' && this.#liveSince !== undefined;
  }
}
