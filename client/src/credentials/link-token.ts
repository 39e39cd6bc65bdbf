import type { RoomId } from '#protocol/ids.ts';
import { readAddress, tidyAddress } from '#protocol/room-link.ts';

export interface TokenPlaces {
  /** The page's address. */
  readonly location: Pick<Location, 'pathname' | 'search' | 'hash'>;
  readonly history: Pick<History, 'state' | 'replaceState'>;
  /** sessionStorage, because a token is a key that only this tab may use. Throws where it is blocked. */
  storage(): Pick<Storage, 'getItem' | 'setItem'>;
}

/**
 * The token of the page's link (`#token=…`; browsers never send a fragment, so no server or log sees
 * it). It is removed from the address, so that a copied address does not contain the key, and it is
 * stored so that the page still has it after a reload.
 */
export class LinkToken {
  readonly #key: string;
  readonly #places: TokenPlaces;
  #value: string | undefined;

  constructor(room: RoomId, places: TokenPlaces) {
    this.#key = `onecast.token.${room}`;
    this.#places = places;
    this.#value = this.#readStored();
    this.readFromAddress();
  }

  /** The token last seen in the address, or stored before a reload. */
  get value(): string | undefined {
    return this.#value;
  }

  /**
   * Moves a token from the address to this tab's storage, wherever in the address it was, and makes the
   * address what the link should have been.
   * @returns whether there was a token
   */
  readFromAddress(): boolean {
    const { location, history } = this.#places;
    const { token } = readAddress(location);
    const stored = token === undefined || this.#store(token);
    const address = tidyAddress(location, !stored);
    if (address !== `${location.pathname}${location.search}${location.hash}`) {
      history.replaceState(history.state, '', address);
    }
    if (token === undefined) return false;
    this.#value = token;
    return true;
  }

  #readStored(): string | undefined {
    try {
      return this.#places.storage().getItem(this.#key) ?? undefined;
    } catch {
      return undefined;
    }
  }

  /** @returns false where storage is blocked: then the token stays in the address, for a reload */
  #store(token: string): boolean {
    try {
      this.#places.storage().setItem(this.#key, token);
      return true;
    } catch {
      return false;
    }
  }
}

/**
 * The token of this page. `renewed` is called when the address gets another token: opening a link
 * that differs only in its fragment does not reload the page.
 */
export function watchLinkToken(room: RoomId, renewed: () => void): LinkToken {
  const token = new LinkToken(room, { location, history, storage: () => sessionStorage });
  window.addEventListener('hashchange', () => {
    if (token.readFromAddress()) renewed();
  });
  return token;
}
