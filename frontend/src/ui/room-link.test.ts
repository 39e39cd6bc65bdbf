import { describe, expect, it } from 'vitest';
import {
  isLoopbackHost,
  joinUrl,
  roomFromInput,
  roomFromPath,
  unguessableRoom,
} from './room-link.ts';

describe('roomFromPath', () => {
  it.each([
    ['/join', 'main'],
    ['/publish/', 'main'],
    ['/join/studio-2', 'studio-2'],
    ['/join/ab', undefined],
    ['/join/%3Cscript%3E', undefined],
  ])('%s is %s', (path, room) => {
    expect(roomFromPath(path)).toBe(room);
  });
});

describe('roomFromInput', () => {
  it.each([
    ['studio-2', 'studio-2'],
    ['  studio-2 ', 'studio-2'],
    ['https://live.example.org/join/studio-2', 'studio-2'],
    ['https://live.example.org/join/studio-2?debug#x', 'studio-2'],
    ['live.example.org/publish/studio-2/', 'studio-2'],
    ['/join', 'main'],
    ['https://live.example.org/join', 'main'],
    ['https://live.example.org/', undefined],
    ['not a room', undefined],
    ['', undefined],
    ['/join/<img>', undefined],
  ])('"%s" means %s', (input, room) => {
    expect(roomFromInput(input)).toBe(room);
  });
});

describe('unguessableRoom', () => {
  it('encodes all 128 bits as base64url', () => {
    expect(unguessableRoom((bytes) => bytes.fill(0xff))).toBe('_____________________w');
    expect(unguessableRoom((bytes) => bytes.fill(0))).toBe('AAAAAAAAAAAAAAAAAAAAAA');
  });

  it('makes names that a link to the room contains unchanged', () => {
    const room = unguessableRoom();
    expect(roomFromInput(joinUrl('https://live.example.org', room))).toBe(room);
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
