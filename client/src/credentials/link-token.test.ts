import { RoomIdSchema, TOKEN_MAX_CHARS } from '#protocol/ids.ts';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { LinkToken } from './link-token.ts';

const room = v.parse(RoomIdSchema, 'demo');

function page(hash: string, stored: Record<string, string> = {}) {
  const location = { pathname: '/join/demo', search: '?debug', hash };
  const storage = new Map(Object.entries(stored));
  const shown: string[] = [];
  return {
    location,
    storage,
    /** The addresses that were written to the address bar. */
    shown,
    places: {
      location,
      history: {
        state: null,
        replaceState: (_state: unknown, _title: string, address?: string | URL | null) => {
          shown.push(String(address));
          location.hash = new URL(String(address), 'http://x').hash;
        },
      },
      storage: () => ({
        getItem: (key: string) => storage.get(key) ?? null,
        setItem: (key: string, value: string) => void storage.set(key, value),
      }),
    },
  };
}

describe('TOKEN-5 the token of a link', () => {
  it('is moved from the address to the storage of the tab, for its room only', () => {
    const { places, shown, storage } = page('#token=a.b-c.d_e');
    expect(new LinkToken(room, places).value).toBe('a.b-c.d_e');
    expect(shown).toEqual(['/join/demo?debug']);
    // The reload.
    expect(new LinkToken(room, places).value).toBe('a.b-c.d_e');
    expect(new LinkToken(v.parse(RoomIdSchema, 'other'), places).value).toBeUndefined();
    expect([...storage.keys()]).toEqual(['onecast.token.demo']);
  });

  it('leaves the rest of the fragment in the address', () => {
    const { places, shown } = page('#publisher=x&token=a.b.c&y=1');
    expect(new LinkToken(room, places).value).toBe('a.b.c');
    expect(shown).toEqual(['/join/demo?debug#publisher=x&y=1']);
  });

  it('a new link replaces the token of the one before', () => {
    const { places, location } = page('', { 'onecast.token.demo': 'old' });
    const token = new LinkToken(room, places);
    expect(token.value).toBe('old');
    expect(token.readFromAddress()).toBe(false);
    location.hash = '#token=new';
    expect(token.readFromAddress()).toBe(true);
    expect(token.value).toBe('new');
  });

  it.each(['', '#', '#token=', '#other=1'])(
    '%j contains none, and the address is not changed',
    (hash) => {
      const { places, shown } = page(hash);
      expect(new LinkToken(room, places).value).toBeUndefined();
      expect(shown).toEqual([]);
    },
  );

  it('stays in the address where the browser blocks storage', () => {
    const { places, shown } = page('#token=a.b.c');
    const blocked = {
      ...places,
      storage: () => {
        throw new DOMException('blocked', 'SecurityError');
      },
    };
    expect(new LinkToken(room, blocked).value).toBe('a.b.c');
    expect(shown).toEqual([]);
  });

  it('is never longer than the server accepts', () => {
    const { places } = page(`#token=${'x'.repeat(TOKEN_MAX_CHARS + 1)}`);
    expect(new LinkToken(room, places).value).toHaveLength(TOKEN_MAX_CHARS);
  });
});
