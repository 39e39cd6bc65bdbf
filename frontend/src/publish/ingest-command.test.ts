import { execFileSync } from 'node:child_process';
import * as v from 'valibot';
import { expect, test } from 'vitest';
import { RoomIdSchema } from '#protocol/ids.ts';
import { parseIngestMessage } from '#protocol/ingest.ts';
import { isPlain, ingestCommand } from './ingest-command.ts';

const room = v.parse(RoomIdSchema, 'my-room_1');

test('INGEST-5 a shell reads the command as it is meant, and the server would take its message', () => {
  const command = ingestCommand('https://live.example.org', room, 'se-cr_et.x');
  // curl replaced by what prints its arguments, one a line.
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

test.each(["a'b", 'a$b', 'a`b', 'a b', 'a\nb', '', 'a"b', 'a\\b'])(
  '%j is not put into one',
  (bearer) => {
    expect(isPlain(bearer)).toBe(false);
  },
);
