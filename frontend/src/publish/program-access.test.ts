import { execFileSync } from 'node:child_process';
import * as v from 'valibot';
import { expect, test } from 'vitest';
import { RoomIdSchema } from '#protocol/ids.ts';
import { parseIngestMessage } from '#protocol/ingest.ts';
import { ffmpegCommand, ingestCommand, isPlain } from './program-access.ts';

const room = v.parse(RoomIdSchema, 'my-room_1');

test('INGEST-5 a shell reads the command as intended, and the server would accept its message', () => {
  const command = ingestCommand('https://live.example.org', room, 'se-cr_et.x');
  // Replaces curl by a function that prints its arguments, one per line.
  const script = `curl() { printf '%s\\n' "$@"; }\n${command}`;
  const [url, ...rest] = execFileSync('sh', ['-c', script]).toString().trimEnd().split('\n');
  expect(url).toBe('https://live.example.org/api/rooms/my-room_1/overlay');
  const body = rest.pop() ?? '';
  expect(rest).toEqual([
    '-H',
    'Authorization: Bearer se-cr_et.x',
    '-H',
    'Content-Type: application/json',
    '-d',
  ]);
  expect(parseIngestMessage(JSON.parse(body))).toMatchObject({ keyed: false });
});

test('WHIP-7 a shell reads the encoder’s command as intended', () => {
  const command = ffmpegCommand('https://live.example.org', room);
  const script = `ONECAST_SECRET=se-cr_et.x\nffmpeg() { printf '%s\\n' "$@"; }\n${command}`;
  const words = execFileSync('sh', ['-c', script]).toString().trimEnd().split('\n');
  expect(words.slice(-3)).toEqual([
    '-authorization',
    'se-cr_et.x',
    'https://live.example.org/whip/my-room_1',
  ]);
});

test.each(["a'b", 'a$b', 'a`b', 'a b', 'a\nb', '', 'a"b', 'a\\b'])(
  'a secret of %j is not put into a command',
  (bearer) => {
    expect(isPlain(bearer)).toBe(false);
  },
);
