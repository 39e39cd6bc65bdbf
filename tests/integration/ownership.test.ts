import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as v from 'valibot';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OWNERSHIP_FILE } from '#backend/admission/ownership-store.ts';
import { ownedNameOf } from '#backend/admission/room-owner.ts';
import { newSecret } from '#backend/admission/secrets.ts';
import { RoomIdSchema } from '#protocol/ids.ts';
import type { AnswerOf } from '#protocol/signalling.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';
import { ServerProcess } from '#testkit/server/server-process.ts';
import { broadcast, claim, join, PROTOCOL } from '#testkit/signalling/requests.ts';
import { SignalClient } from '#testkit/signalling/signal-client.ts';
import { waitUntil } from '#testkit/wait-until.ts';

/** Restarts by each signal. A release is checked with TEST_RESTARTS=20. */
const RESTARTS = Number(process.env['TEST_RESTARTS'] ?? 3);

let stateDir: string;
beforeEach(() => {
  stateDir = mkdtempSync(joinPath(tmpdir(), 'onecast-ownership-'));
});
afterEach(() => rmSync(stateDir, { recursive: true }));

const start = (options: ConstructorParameters<typeof InProcessServer>[0] = {}) =>
  InProcessServer.start({ ...options, env: { STATE_DIR: stateDir, ...options.env } });

/** What a publisher's page stores. */
class Stored {
  secret: AnswerOf<'publish'>['publisherSecret'];
  proof: AnswerOf<'publish'>['ownershipProof'];

  /** Goes live, and stores what the server answers and pushes. */
  async broadcast(client: SignalClient, room: string): Promise<AnswerOf<'publish'>> {
    const claimed = await broadcast(client, room, this.secret, this.proof);
    this.secret = claimed.publisherSecret;
    this.proof = claimed.ownershipProof ?? this.proof;
    // Once live, a room is kept for longer, and the page gets a proof that says so.
    if (claimed.ownershipProof) {
      this.proof = (await client.waitForPush('ownershipRenewed')).ownershipProof;
    }
    return claimed;
  }
}

/** A viewer's program that claims the room as soon as it can, and uses all that it was given before. */
class Racer {
  readonly #url: string;
  readonly #stored = new Stored();
  readonly #clients: SignalClient[] = [];
  #won: SignalClient | undefined;
  stopped = false;

  constructor(url: string) {
    this.#url = url;
  }

  /** The newest claim that the server accepted. */
  get won(): SignalClient | undefined {
    return this.#won;
  }

  serverStopped(): void {
    this.#won = undefined;
  }

  async run(room: string): Promise<void> {
    while (!this.stopped) {
      let client: SignalClient | undefined;
      try {
        // A server that stops may close the socket before it is open, which raises no event.
        const connecting = SignalClient.connect(this.#url);
        client = await Promise.race([connecting, delay(1_000, undefined)]);
        if (!client) continue;
        await this.#stored.broadcast(client, room);
        this.#won = client;
        this.#clients.push(client);
      } catch {
        // Refused, or the server is down. It tries again.
        client?.close();
      }
      await delay(10);
    }
    for (const client of this.#clients) client.close();
  }
}

describe('ROOM-9 the owner before a restart is the owner after it', () => {
  it.each(['SIGKILL', 'SIGTERM'] as const)(
    '%s, and a program that claims the room first, each time',
    async (signal) => {
      const room = 'main';
      const server = await ServerProcess.start();
      const racer = new Racer(server.url);
      let racing: Promise<void> | undefined;
      let owned = 0;
      let racerWasFirst = 0;
      try {
        const stored = new Stored();
        await stored.broadcast(await SignalClient.connect(server.url), room);
        racing = racer.run(room);
        for (let i = 0; i < RESTARTS; i += 1) {
          await server.stop(signal);
          racer.serverStopped();
          await server.start();
          await waitUntil('the program has the room', () => racer.won !== undefined);
          const thief = racer.won;
          racerWasFirst += 1;
          const owner = await SignalClient.connect(server.url);
          const { epoch } = await stored.broadcast(owner, room);
          await thief?.waitForPush('superseded');
          await delay(100);
          const viewer = await SignalClient.connect(server.url);
          const joined = await join(viewer, room);
          expect(joined.room).toMatchObject({ status: 'live', epoch });
          expect(owner.pushes('superseded')).toEqual([]);
          owned += 1;
          viewer.close();
        }
      } finally {
        racer.stopped = true;
        await racing;
        await server.stop('SIGKILL');
      }
      console.info(
        `${signal}: owner ${owned} of ${RESTARTS}, claimed first by the other ${racerWasFirst} times`,
      );
      expect(owned).toBe(RESTARTS);
    },
    20_000 + RESTARTS * 10_000,
  );

  it('nothing of the one that had the room meanwhile stays: neither media nor data nor access', async () => {
    const room = 'main';
    const stored = new Stored();
    {
      await using server = await start();
      await stored.broadcast(await server.connect(), room);
    }
    await using server = await start();
    const [thief, reclaim, program, viewer, owner] = await server.connectMany(5);
    const stolen = await broadcast(thief, room);
    const secret = stolen.publisherSecret ?? '';
    await thief.request('setState', {
      messages: [{ kind: 'data', topic: 'match', key: 'page', capturedAt: 1, data: 1 }],
    });
    await program.request('attachIngest', { ...PROTOCOL, room, bearer: secret });
    const message = { kind: 'data', topic: 'match', key: 'program', data: 1 };
    await program.request('ingest', { messages: [message] });
    // A second claim of the thief, that is not live yet.
    await claim(reclaim, room, stolen.publisherSecret, stolen.ownershipProof);
    const joined = await join(viewer, room);
    expect(joined.overlay.state.entries).toHaveLength(2);

    const claimed = await claim(owner, room, stored.secret, stored.proof);
    // At once: not when the owner's video starts.
    await thief.waitForPush('superseded');
    await reclaim.waitForPush('superseded');
    expect(claimed.room.status).toBe('interrupted');
    expect((await viewer.request('stateSnapshot')).entries).toEqual([]);
    expect(await thief.errorCode('renewTransport')).toBe('superseded');
    expect(await thief.errorCode('setState', { messages: [] })).toBe('superseded');
    expect(await thief.errorCode('resume', { ...PROTOCOL, ...stolen.session })).toBe(
      'session-gone',
    );
    expect(await program.errorCode('ingest', { messages: [message] })).toBe('room-taken');
    expect(await program.errorCode('attachIngest', { ...PROTOCOL, room, bearer: secret })).toBe(
      'room-taken',
    );
    const posted = await fetch(`${server.url}/api/rooms/${room}/overlay`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${secret}`, 'Content-Type': 'application/json' },
      body: JSON.stringify(message),
    });
    expect(posted.status).toBe(403);
    for (const proof of [stolen.ownershipProof, stored.proof, undefined]) {
      await expect(claim(thief, room, stolen.publisherSecret, proof)).rejects.toMatchObject({
        code: 'room-taken',
      });
    }
    // The owner's program has access again.
    await program.request('attachIngest', { ...PROTOCOL, room, bearer: stored.secret });
    await program.request('ingest', { messages: [message] });
  });

  it('a body that is still arriving when the owner comes back is not accepted', async () => {
    const stored = new Stored();
    {
      await using server = await start();
      await stored.broadcast(await server.connect(), 'main');
    }
    await using server = await start();
    const [thief, owner] = await server.connectMany(2);
    const { publisherSecret } = await broadcast(thief, 'main');
    const body = new TransformStream<Uint8Array, Uint8Array>();
    const writer = body.writable.getWriter();
    const text = JSON.stringify({ kind: 'data', topic: 'match', key: 'late', data: 1 });
    const answer = fetch(`${server.url}/api/rooms/main/overlay`, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${publisherSecret}`,
        'Content-Type': 'application/json',
      },
      body: body.readable,
      duplex: 'half',
    } as RequestInit);
    await writer.write(Buffer.from(text.slice(0, 5)));
    await delay(200);
    await stored.broadcast(owner, 'main');
    await writer.write(Buffer.from(text.slice(5)));
    await writer.close();
    expect((await answer).status).toBe(403);
    expect((await join(thief, 'main')).overlay.state.entries).toEqual([]);
  });

  it('LIMIT-11 an owner that was live finds a place, however many rooms others have claimed', async () => {
    const limits = { roomsMax: 10 };
    const stored = new Stored();
    {
      await using server = await start({ limits });
      await stored.broadcast(await server.connect(), 'main');
    }
    await using server = await start({ limits });
    const [stranger, owner] = await server.connectMany(2);
    for (let i = 0; i < 7; i += 1) await claim(stranger, `x-${i}`);
    await expect(claim(stranger, 'x-7')).rejects.toMatchObject({ code: 'too-many' });
    await expect(claim(owner, 'main', stored.secret)).rejects.toMatchObject({ code: 'too-many' });
    const { room } = await stored.broadcast(owner, 'main');
    expect(room.roomId).toBe('main');
    // Its place stays its own.
    await expect(claim(stranger, 'x-7')).rejects.toMatchObject({ code: 'too-many' });
    expect(owner.pushes('superseded')).toEqual([]);
  });

  it('a room that gave way to another belongs to its next owner', async () => {
    const from = (address: string) => ({ 'X-Forwarded-For': address });
    await using server = await start({ limits: { roomsMax: 10 }, env: { TRUST_PROXY: '1' } });
    const stranger = await SignalClient.connect(server.url, from('203.0.113.1'));
    const evicted = await claim(stranger, 'main');
    expect(evicted.ownershipProof).toBeDefined();
    for (let i = 0; i < 6; i += 1) await claim(stranger, `x-${i}`);
    const owner = await SignalClient.connect(server.url, from('198.51.100.1'));
    await claim(owner, 'other');
    await broadcast(owner, 'main');
    const again = await SignalClient.connect(server.url, from('203.0.113.1'));
    await expect(
      claim(again, 'main', evicted.publisherSecret, evicted.ownershipProof),
    ).rejects.toMatchObject({ code: 'room-taken' });
    expect(owner.pushes('superseded')).toEqual([]);
    for (const client of [stranger, owner, again]) client.close();
  });

  it('a room that was forgotten belongs to the next owner, also after a restart', async () => {
    const limits = {
      idleRoomMs: 2_000,
      ownershipSaveAheadMs: 10,
      ownershipSaveMs: 5,
    };
    const former = new Stored();
    const next = new Stored();
    {
      await using server = await start({ limits });
      const first = await server.connect();
      const { epoch } = await former.broadcast(first, 'main');
      await first.request('endBroadcast', { epoch });
      first.close();
      await waitUntil('the room is forgotten', () => server.app.registry.roomCount === 0);
      await next.broadcast(await server.connect(), 'main');
      await expect(
        claim(await server.connect(), 'main', former.secret, former.proof),
      ).rejects.toMatchObject({ code: 'room-taken' });
    }
    await using server = await start({ limits });
    // The former owner is quicker.
    const quicker = await server.connect();
    await claim(quicker, 'main', former.secret, former.proof);
    await claim(await server.connect(), 'main', next.secret, next.proof);
    await quicker.waitForPush('superseded');
    await expect(claim(quicker, 'main', former.secret, former.proof)).rejects.toMatchObject({
      code: 'room-taken',
    });
  });

  it('the page gets newer proofs while it is live, and one proof per room', async () => {
    await using server = await start({ limits: { ownershipRenewMs: 50 } });
    const [owner, viewer] = await server.connectMany(2);
    const { ownershipProof } = await broadcast(owner, 'main');
    await join(viewer, 'main');
    // Some may have come before it was live.
    const early = owner.pushes('ownershipRenewed').length;
    await waitUntil('proofs arrive', () => owner.pushes('ownershipRenewed').length >= early + 4);
    const proofs = [
      ownershipProof,
      ...owner.pushes('ownershipRenewed').map((push) => push.ownershipProof),
    ].map((proof) => proof?.split('.').slice(0, 2).map(Number));
    const [[since = 0, first = 0] = []] = proofs;
    expect(proofs.map((proof) => proof?.[0])).toEqual(proofs.map(() => since));
    // The answer's proof is for a room that was never live.
    expect(first - since).toBeLessThan(server.limits.idleUnusedRoomMs + 1_000);
    expect((proofs.at(-1)?.[1] ?? 0) - since).toBeGreaterThanOrEqual(server.limits.idleRoomMs);
    expect(viewer.pushes('ownershipRenewed')).toEqual([]);
  });

  it('the key stays on the server: only in its file, not in the log, pages or metrics', async () => {
    const logRecords: string[] = [];
    await using server = await start({ logRecords, env: { LOG_LEVEL: 'trace' } });
    await broadcast(await server.connect(), 'main');
    const { key } = JSON.parse(readFileSync(joinPath(stateDir, OWNERSHIP_FILE), 'utf8')) as {
      key: string;
    };
    expect(key).toHaveLength(43);
    const pages = await Promise.all(
      ['/publish', '/state/ownership.json', '/metrics', '/readyz'].map(async (path) =>
        (await fetch(`${server.url}${path}`)).text(),
      ),
    );
    expect([...logRecords, ...pages, await server.metrics()].join()).not.toContain(key);
  });

  it('with an unusable folder the server runs, and the first claim decides', async () => {
    writeFileSync(joinPath(stateDir, 'file'), '');
    const logRecords: string[] = [];
    const env = { STATE_DIR: joinPath(stateDir, 'file'), LOG_LEVEL: 'warn' };
    await using server = await start({ logRecords, env });
    const { publisherSecret } = await broadcast(await server.connect(), 'main');
    expect(publisherSecret).toHaveLength(43);
    expect(logRecords.join()).toContain('STATE_DIR');
  });

  it('TOKEN-4 where tokens decide there are no proofs, and no file', async () => {
    await using server = await start({ env: { AUTH_SECRET: 'x'.repeat(32) } });
    expect(await (await server.connect()).errorCode('publish', { ...PROTOCOL, room: 'main' })).toBe(
      'token-missing',
    );
    expect(existsSync(joinPath(stateDir, OWNERSHIP_FILE))).toBe(false);
  });
});

describe('ROOM-10 a room whose name contains a hash of its owner’s secret', () => {
  it('is nobody else’s at any time: refused before the owner, after a restart, and no room is made', async () => {
    await using server = await start();
    const secret = newSecret();
    const room = ownedNameOf(secret);
    const [stranger, owner] = await server.connectMany(2);
    for (const publisherSecret of [undefined, newSecret()]) {
      expect(await stranger.errorCode('publish', { ...PROTOCOL, room, publisherSecret })).toBe(
        'room-taken',
      );
    }
    expect(server.app.registry.roomCount).toBe(0);
    const claimed = await broadcast(owner, room, secret);
    expect(claimed.publisherSecret).toBe(secret);
    expect(claimed.ownershipProof).toBeUndefined();
    expect(await stranger.errorCode('publish', { ...PROTOCOL, room })).toBe('room-taken');
    expect((await join(stranger, room)).room.status).toBe('live');
  });

  it('the rest of the name is compared exactly', async () => {
    await using server = await start();
    const secret = newSecret();
    const room = ownedNameOf(secret);
    const swapped = v.parse(RoomIdSchema, `${room.slice(0, -1)}${room.endsWith('a') ? 'b' : 'a'}`);
    const client = await server.connect();
    expect(
      await client.errorCode('publish', { ...PROTOCOL, room: swapped, publisherSecret: secret }),
    ).toBe('room-taken');
  });
});
