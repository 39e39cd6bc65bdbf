/** Attacks on the media port, by legs of a load generator of their own. */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Generator } from '../loadgen/generator.ts';
import { OnecastRoom } from '../peers/onecast-room.ts';
import { PUBLISHER } from '../peers/broadcaster.ts';
import type { Attacker, AttackerStats, Target } from './attacker.ts';
import { beNice } from './attacker.ts';
import { INNOCENT } from './innocent-room.ts';

const HOSTILE_VIEWERS = 6;
const FIRST_ADDRESS = 50_000;
const PER_S = 1_000;
/** An address at which nobody has ever joined. */
const STRANGER = '127.0.0.99';
/** Until a viewer's first packets and the server's first sender report have arrived. */
const WATCH_MS = 2_500;

/** Viewers of the innocent room that do to the server what `attack` makes them do. */
async function viewers(
  { url, loadgen }: Target,
  attack: (generator: Generator, id: number, on: boolean) => void,
): Promise<Attacker> {
  const generator = await loadgen.start();
  const room = new OnecastRoom(url, { room: INNOCENT, firstAddress: FIRST_ADDRESS });
  const ids = Array.from({ length: HOSTILE_VIEWERS }, (_, i) => i + 1);
  try {
    for (const id of ids) await room.watch(generator, id, false);
  } catch (error) {
    room.close();
    await generator.close();
    throw error;
  }
  beNice(generator.pid);
  await delay(WATCH_MS);
  return {
    pid: generator.pid,
    begin: async () => {
      generator.mark();
      for (const id of ids) attack(generator, id, true);
    },
    hold: async () => {
      for (const id of ids) attack(generator, id, false);
      room.close();
    },
    end: async () => {
      const { other } = await generator.report();
      const counts = await generator.hostile();
      await generator.close();
      return { ...counts, sentAgain: other };
    },
  };
}

/** Each lets the server believe that its media should go to somebody who has never asked for it. */
export const redirect = (target: Target): Promise<Attacker> =>
  viewers(target, (generator, id, on) => {
    if (on) generator.stranger(id, STRANGER);
  });

/** Each requests everything again and again, and reports a round trip of a millisecond. */
export const requestAgain = (target: Target): Promise<Attacker> =>
  viewers(target, (generator, id, on) => generator.nacks(id, on));

/** A publisher whose data channel carries far more than it may. */
export async function dataFlood({ url, loadgen }: Target, bytes: number): Promise<Attacker> {
  const generator = await loadgen.start();
  const options = {
    room: `attack-${randomBytes(4).toString('hex')}`,
    data: true,
    firstAddress: FIRST_ADDRESS,
  };
  const room = new OnecastRoom(url, options);
  try {
    await room.publish(generator);
  } catch (error) {
    room.close();
    await generator.close();
    throw error;
  }
  // Before it sends: a generator of normal priority would go before everything else.
  beNice(generator.pid);
  return {
    pid: generator.pid,
    begin: async () => generator.messages(PUBLISHER, 0, bytes, PER_S),
    hold: async () => {
      generator.messages(PUBLISHER, 0, bytes, 0);
      room.close();
    },
    end: async (): Promise<AttackerStats> => {
      const { messagesSent } = await generator.report();
      await generator.close();
      return { messages: messagesSent };
    },
  };
}
