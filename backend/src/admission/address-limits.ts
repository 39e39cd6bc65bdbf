import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { Limits } from '#config/limits.ts';

const WINDOW_S = 10;

/**
 * Limits for each address: how many sockets it may have at once, how many it may open, and how many
 * joins it may send before a socket. An address without a socket that has opened none for ten seconds
 * is forgotten, so memory follows the number of real connections.
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

  /**
   * Counts a new socket. Returns false if the address has too many.
   * @param onClose registers a function to call when the socket has closed
   */
  async admit(address: string, onClose: (release: () => void) => void): Promise<boolean> {
    const { consumedPoints } = await this.#connects.penalty(address);
    if (consumedPoints > this.#limits.connectsPerAddressMax) return false;
    const open = this.#sockets.get(address) ?? 0;
    if (open >= this.#limits.socketsPerAddressMax) return false;
    this.#sockets.set(address, open + 1);
    onClose(() => this.#release(address));
    return true;
  }

  /** Counts a join before a socket. The socket that follows is counted separately, by `admit`. */
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
