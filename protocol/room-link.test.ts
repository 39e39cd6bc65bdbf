import { describe, expect, it } from 'vitest';
import { TOKEN_MAX_CHARS } from './ids.ts';
import { readAddress, readPasted, tidyAddress } from './room-link.ts';

const HOST = 'https://live.example.org';
const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJyb29tIjoiZGVtbyJ9.a-b_c';

/** As a browser's location has it. */
function address(path: string) {
  const { pathname, search, hash } = new URL(path, HOST);
  return { pathname, search, hash };
}

describe('LINK-1 a link finds its room, whatever was done to it', () => {
  it.each([
    ['/join', 'main'],
    ['/publish/', 'main'],
    ['/join?debug', 'main'],
    ['/join/studio-2', 'studio-2'],
    ['/join/demo/', 'demo'],
    ['/JOIN/demo', 'demo'],
    ['/Publish/Demo', 'demo'],
    ['/join/DEMO', 'demo'],
    ['/join/demo.', 'demo'],
    ['/join/demo).', 'demo'],
    ['/join/demo,', 'demo'],
    ['/join/demo!', 'demo'],
    ['/join/demo…', 'demo'],
    ['/join/demo%E2%80%A6', 'demo'],
    ['/join/demo”', 'demo'],
    ['/join/“demo”', 'demo'],
    ["/join/demo's", 'demo'],
    ['/join/demo>', 'demo'],
    ['/join/demo]', 'demo'],
    ['/join/demo*', 'demo'],
    ['/join/demo。', 'demo'],
    ['/join/demo|Live', 'demo'],
    ['/join/demo%20', 'demo'],
    ['/join/%20demo', 'demo'],
    ['/join/demo%20is%20live', 'demo'],
    ['/join/demo%0A', 'demo'],
    ['/join/demo%C2%A0', 'demo'],
    ['/join/demo%E2%80%8B', 'demo'],
    ['/join/de%C2%ADmo', 'demo'],
    ['/join/%EF%BB%BFdemo', 'demo'],
    ['/join/%E2%80%AAdemo%E2%80%AC', 'demo'],
    ['/join/%64emo', 'demo'],
    ['/join/%2564emo', 'demo'],
    ['/join/ｄｅｍｏ', 'demo'],
    ['/join/ＤＥＭＯ－２', 'demo-2'],
    ['/join/demo%23token=abc', 'demo'],
    ['/join/demo%3Ftoken=abc', 'demo'],
    ['/join/demo%2F', 'demo'],
    ['/join/demo&utm_source=x', 'demo'],
    ['/join/demo?utm_source=x&fbclid=y', 'demo'],
    ['/join/own-AbCdEfGhIjKlMnOpQrStUv', 'own-abcdefghijklmnopqrstuv'],
    ['/publish/join', 'join'],
    // No room can have these names.
    ['/join/ab', undefined],
    ['/join/%3Cscript%3E', undefined],
    ['/join/демо', undefined],
    ['/join/demo%C3%A9', undefined],
    [`/join/${'x'.repeat(65)}`, undefined],
    ['/', undefined],
  ])('%s leads to %s', (path, room) => {
    expect(readAddress(address(path)).room).toBe(room);
  });
});

describe('LINK-1 a person may paste anything', () => {
  it.each([
    ['studio-2', 'studio-2'],
    ['  studio-2 ', 'studio-2'],
    ['Demo', 'demo'],
    ['demo.', 'demo'],
    ['“demo”', 'demo'],
    ['<demo>', 'demo'],
    ['demo\u200b', 'demo'],
    ['ｄｅｍｏ', 'demo'],
    ['join', 'join'],
    ['demo#token=abc', 'demo'],
    [`${HOST}/join/studio-2`, 'studio-2'],
    [`${HOST}/join/studio-2?debug#x`, 'studio-2'],
    ['live.example.org/publish/studio-2/', 'studio-2'],
    ['HTTPS://LIVE.EXAMPLE.ORG/JOIN/DEMO', 'demo'],
    ['https://join/join/demo', 'demo'],
    [`<${HOST}/join/demo>`, 'demo'],
    [`<${HOST}/join/demo|Live now>`, 'demo'],
    [`[Watch](${HOST}/join/demo)`, 'demo'],
    [`“${HOST}/join/demo”.`, 'demo'],
    [`Watch: ${HOST}/join/demo, at eight.`, 'demo'],
    [`Watch: ${HOST}/join/demo\nat eight`, 'demo'],
    [`<a href="${HOST}/join/demo">live</a>`, 'demo'],
    [`${HOST}/embed/demo`, 'demo'],
    ['/join', 'main'],
    [`${HOST}/join`, 'main'],
    [`${HOST}/`, undefined],
    ['not a room', undefined],
    ['', undefined],
    ['/join/<img>', undefined],
  ])('"%s" means %s', (text, room) => {
    expect(readPasted(text).room).toBe(room);
  });
});

describe('LINK-3 a token is found wherever it went', () => {
  it.each([
    [`/join/demo#token=${JWT}`, JWT],
    [`/join/demo#token=${JWT}.`, JWT],
    [`/join/demo#token=${JWT})`, JWT],
    [`/join/demo#token=${JWT}”,`, JWT],
    [`/join/demo#token=${JWT}&utm_source=x`, JWT],
    [`/join/demo#token=${JWT}?fbclid=x`, JWT],
    [`/join/demo#x=1&amp;token=${JWT}`, JWT],
    [`/join/demo#token%3D${JWT}`, JWT],
    [`/join/demo#%74oken=${JWT}`, JWT],
    [`/join/demo#token=${JWT}%E2%80%8B`, JWT],
    [`/join/demo%23token=${JWT}`, JWT],
    [`/join/demo%23token%3D${JWT}`, JWT],
    [`/join/demo%2523token%253D${JWT}`, JWT],
    [`/join/demo/%23token=${JWT}`, JWT],
    [`/join/demo?token=${JWT}`, JWT],
    [`/join/demo?utm_source=x&token=${JWT}`, JWT],
    [`/join/demo%3Ftoken=${JWT}`, JWT],
    [`/JOIN/Demo#TOKEN=${JWT}`, JWT],
    [`/join/demo#token=${'x'.repeat(TOKEN_MAX_CHARS + 1)}`, 'x'.repeat(TOKEN_MAX_CHARS)],
    ['/join/demo', undefined],
    ['/join/demo#token=', undefined],
    ['/join/demo#mytoken=x', undefined],
    ['/join/token', undefined],
  ])('%s', (path, token) => {
    expect(readAddress(address(path)).token).toBe(token);
    expect(readPasted(`${HOST}${path}`).token).toBe(token);
  });
});

describe('LINK-1 LINK-3 tidyAddress', () => {
  it.each([
    ['/join/demo', '/join/demo'],
    ['/join', '/join'],
    ['/join/', '/join/'],
    ['/JOIN/Demo.?debug#x=1', '/join/demo?debug#x=1'],
    [`/join/demo%23token=${JWT}`, '/join/demo'],
    [`/join/demo?token=${JWT}&debug#y=1`, '/join/demo?debug#y=1'],
    [`/publish/demo#publisher=x&token=${JWT}&y=1`, '/publish/demo#publisher=x&y=1'],
    // Nothing is better than a wrong guess.
    ['/join/ab', '/join/ab'],
  ])('%s becomes %s', (path, tidy) => {
    expect(tidyAddress(address(path), false)).toBe(tidy);
    expect(tidyAddress(address(tidy), false)).toBe(tidy);
  });

  it('can leave the token, in the fragment', () => {
    for (const path of [`/join/demo%23token=${JWT}`, `/join/demo?token=${JWT}`]) {
      expect(tidyAddress(address(path), true)).toBe(`/join/demo#token=${JWT}`);
    }
    expect(tidyAddress(address(`/join/demo#token=${JWT}`), true)).toBe(`/join/demo#token=${JWT}`);
  });
});
