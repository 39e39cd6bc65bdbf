import { describe, expect, it } from 'vitest';
import { readPasted } from '#protocol/room-link.ts';
import { isLoopbackHost, joinUrl, unguessableRoom } from './room-link.ts';

describe('unguessableRoom', () => {
  it('encodes 128 bits as base64url, in small letters', () => {
    expect(unguessableRoom((bytes) => bytes.fill(0xff))).toBe('_____________________w');
    expect(unguessableRoom((bytes) => bytes.fill(0))).toBe('aaaaaaaaaaaaaaaaaaaaaa');
  });

  it('makes names that a link to the room contains unchanged', () => {
    const room = unguessableRoom();
    expect(readPasted(joinUrl('https://live.example.org', room)).room).toBe(room);
  });
});

describe('isLoopbackHost', () => {
  it.each([
    ['localhost', true],
    ['127.0.0.1', true],
    ['[::1]', true],
    ['10.0.0.5', false],
    ['live.example.org', false],
  ])('%s: %s', (host, loopback) => {
    expect(isLoopbackHost(host)).toBe(loopback);
  });
});
