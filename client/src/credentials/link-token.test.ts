import { RoomIdSchema, TOKEN_MAX_CHARS } from '#protocol/ids.ts';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { LinkToken } from './link-token.ts';

const room = v.parse(RoomIdSchema, 'demo');

function page(hash: string, kept: Record<string, string> = {}) {
  const location = { pathname: '/join/demo', search: '?debug', hash };
  const storage = new Map(Object.entries(kept));
  const shown: string[] = [];
  return {
    location,
    storage,
    /** What the address bar has been made to show. */
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
  it('is taken out of the address and kept by the tab, for its room alone', () => {
    const { places, shown, storage } = page('#token=a.b-c.d_e');
    expect(new LinkToken(room, places).value).toBe('a.b-c.d_e');
    expect(shown).toEqual(['/join/demo?debug']);
    // The reload.
    expect(new LinkToken(room, places).value).toBe('a.b-c.d_e');
    expect(new LinkToken(v.parse(RoomIdSchema, 'other'), places).value).toBeUndefined();
    expect([...storage.keys()]).toEqual(['onecast.token.demo']);
  });

  it('leaves the rest of the fragment', () => {
    const { places, shown } = page('#publisher=x&token=a.b.c&y=1');
    expect(new LinkToken(room, places).value).toBe('a.b.c');
    expect(shown).toEqual(['/join/demo?debug#publisher=x&y=1']);
  });

  it('a new link takes the place of the one before', () => {
    const { places, location } = page('', { 'onecast.token.demo': 'old' });
    const token = new LinkToken(room, places);
    expect(token.value).toBe('old');
    expect(token.take()).toBe(false);
    location.hash = '#token=new';
    expect(token.take()).toBe(true);
    expect(token.value).toBe('new');
  });

  it.each(['', '#', '#token=', '#other=1'])(
    '%j holds none, and the address is left alone',
    (hash) => {
      const { places, shown } = page(hash);
      expect(new LinkToken(room, places).value).toBeUndefined();
      expect(shown).toEqual([]);
    },
  );

  it('stays in the address where the browser keeps nothing for the page', () => {
    const { places, shown } = page('#token=a.b.c');
    const closed = {
      ...places,
      storage: () => {
        throw new DOMException('closed', 'SecurityError');
      },
    };
    expect(new LinkToken(room, closed).value).toBe('a.b.c');
    expect(shown).toEqual([]);
  });

  it('is never longer than the server reads', () => {
    const { places } = page(`#token=${'x'.repeat(TOKEN_MAX_CHARS + 1)}`);
    expect(new LinkToken(room, places).value).toHaveLength(TOKEN_MAX_CHARS);
  });
});
