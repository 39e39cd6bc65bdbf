/** The one place that admits by address: connections, requests, sockets, sessions and answers. */
import type { Limits } from '#config/limits.ts';
import { AddressCount, AddressRate, AddressWindow, tiersOf } from './address-tiers.ts';

/** The window in which `connectsPerAddressMax` counts. */
const CONNECT_WINDOW_MS = 10_000;
/** An operator that allows few sockets still lets a page load: its files need more than one request. */
const PAGES_MIN = 50;

export type AddressLimits = Pick<
  Limits,
  | 'socketsPerAddressMax'
  | 'connectsPerAddressMax'
  | 'pageConnectionsPerAddressMax'
  | 'pageConnectBurst'
  | 'pageConnectsPerS'
  | 'pageRequestBurst'
  | 'pageRequestsPerS'
  | 'pagePaceBurst'
  | 'pagePacePerS'
  | 'pageMessageBurst'
  | 'pageMessagesPerS'
  | 'pageAnswerBurstBytes'
  | 'pageAnswerBytesPerS'
  | 'pageWaitingBytes'
>;

/**
 * Every limit of one address grows with the number of pages it may have open
 * (`socketsPerAddressMax`), so that an operator raises them all with one variable.
 */
export class AddressAdmission {
  readonly #connections: AddressCount;
  readonly #openings: AddressRate;
  readonly #sockets: AddressCount;
  readonly #connects: AddressWindow;
  readonly #sessions: AddressWindow;
  readonly #requests: AddressRate;
  readonly #pace: AddressRate;
  readonly #messages: AddressRate;
  readonly #answerBytes: AddressRate;
  readonly #waitingBytesMax: number;

  constructor(limits: AddressLimits) {
    const pages = Math.max(limits.socketsPerAddressMax, PAGES_MIN);
    /** A rate in proportion to the pages that an address may have. */
    const ofPages = (burst: number, perS: number) =>
      new AddressRate({ burst: pages * burst, perS: pages * perS });
    this.#connections = new AddressCount(
      limits.socketsPerAddressMax + limits.pageConnectionsPerAddressMax,
    );
    this.#openings = ofPages(limits.pageConnectBurst, limits.pageConnectsPerS);
    this.#sockets = new AddressCount(limits.socketsPerAddressMax);
    this.#connects = new AddressWindow(limits.connectsPerAddressMax, CONNECT_WINDOW_MS);
    this.#sessions = new AddressWindow(limits.connectsPerAddressMax, CONNECT_WINDOW_MS);
    this.#requests = ofPages(limits.pageRequestBurst, limits.pageRequestsPerS);
    this.#pace = ofPages(limits.pagePaceBurst, limits.pagePacePerS);
    this.#messages = ofPages(limits.pageMessageBurst, limits.pageMessagesPerS);
    this.#answerBytes = ofPages(limits.pageAnswerBurstBytes, limits.pageAnswerBytesPerS);
    this.#waitingBytesMax = pages * limits.pageWaitingBytes;
  }

  /** Counts one TCP connection, or one request in progress behind a proxy; undefined: too many. */
  holdConnection(address: string): (() => void) | undefined {
    return this.#connections.hold(address);
  }

  /** Whether the address may open one more TCP connection now. */
  mayConnect(address: string): boolean {
    return this.#openings.tryConsume(address);
  }

  /** Counts a new socket; the function returned is to be called when it has closed. */
  holdSocket(address: string): (() => void) | undefined {
    return this.#connects.tryConsume(address) ? this.#sockets.hold(address) : undefined;
  }

  /** Whether the address may make one more HTTP request. */
  mayRequest(address: string): boolean {
    return this.#requests.tryConsume(address);
  }

  /**
   * The ms that a request has to wait for its turn, so that one address can't fill the event loop. At
   * most as many wait as the address has connections.
   */
  turn(address: string): number {
    return this.#pace.queue(address);
  }

  /** Whether the address may send one more message over any of its sockets. */
  maySend(address: string): boolean {
    return this.hasAnswers(address) && this.#messages.tryConsume(address);
  }

  /** Whether the answers to this address have cost less than it may cause. */
  hasAnswers(address: string): boolean {
    return this.#answerBytes.has(address);
  }

  /** Counts an answer after it was made: only its size shows its cost. */
  answered(address: string, bytes: number): void {
    this.#answerBytes.charge(address, bytes);
  }

  /** Whether the address may still make a session now. Counts nothing. */
  mayMakeSession(address: string): boolean {
    return this.#sessions.has(address);
  }

  /** Counts a session, whether it is made by HTTP or over a socket. Returns false: too many. */
  countSession(address: string): boolean {
    return this.#sessions.tryConsume(address);
  }

  /**
   * The connections to close so that no address has more bytes waiting than it may: those with the
   * most bytes first.
   */
  overWaiting<C extends { readonly address: string; readonly waiting: number }>(
    connections: Iterable<C>,
  ): Set<C> {
    const networks = new Map<string, { readonly max: number; sum: number; readonly of: C[] }>();
    for (const connection of connections) {
      for (const { key, share } of tiersOf(connection.address)) {
        const network = networks.get(key) ?? { max: this.#waitingBytesMax * share, sum: 0, of: [] };
        network.sum += connection.waiting;
        network.of.push(connection);
        networks.set(key, network);
      }
    }
    const over = new Set<C>();
    for (const { max, sum, of } of networks.values()) {
      let left = sum;
      if (left <= max) continue;
      for (const connection of of.toSorted((a, b) => b.waiting - a.waiting)) {
        if (left <= max) break;
        left -= connection.waiting;
        over.add(connection);
      }
    }
    return over;
  }
}
