import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { Limits } from '#config/limits.ts';

const WINDOW_S = 10;

/**
 * How many sockets one address may have, and open, and how many joins ahead of a socket. Nothing is kept of an address that has no socket
 * and has opened none for ten seconds, so memory follows the connections there really are.
 */
export class AddressLimits {
  readonly #limits: Pick<Limits, 'socketsPerAddressMax' | 'connectsPerAddressMax'>;
  readonly #connects: RateLimiterMemory;
  readonly #joins: RateLimiterMemory;
  readonly #sockets = new Map<string, number>();

  constructor(limits: Pick<Limits, 'socketsPerAddressMax' | 'connectsPerAddressMax'>) {
    this.#limits = limits;
    const window = { points: limits.connectsPerAddressMax, duration: WINDOW_S };
    this.#connects = new RateLimiterMemory(window);
    this.#joins = new RateLimiterMemory(window);
  }

  /** False where it has too many. `closed` is asked to call back when the socket has gone. */
  async admit(address: string, closed: (release: () => void) => void): Promise<boolean> {
    const { consumedPoints } = await this.#connects.penalty(address);
    if (consumedPoints > this.#limits.connectsPerAddressMax) return false;
    const open = this.#sockets.get(address) ?? 0;
    if (open >= this.#limits.socketsPerAddressMax) return false;
    this.#sockets.set(address, open + 1);
    closed(() => this.#release(address));
    return true;
  }

  /** Ahead of its socket, which is counted by itself. */
  async mayJoin(address: string): Promise<boolean> {
    const { consumedPoints } = await this.#joins.penalty(address);
    return consumedPoints <= this.#limits.connectsPerAddressMax;
  }

  #release(address: string): void {
    const open = this.#sockets.get(address) ?? 0;
    if (open > 1) this.#sockets.set(address, open - 1);
    else this.#sockets.delete(address);
  }
}
