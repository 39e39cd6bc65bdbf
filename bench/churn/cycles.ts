/** Pages that come and go in every way, at signalling level. */
import { setTimeout as delay } from 'node:timers/promises';
import fixture from '#protocol/fixtures/chromium-156.json' with { type: 'json' };
import { PROTOCOL_VERSION } from '#protocol/version.ts';
import { LoadClient } from '#testkit/signalling/load-client.ts';

const ROOMS = 24;

/** The ways in which a page comes and goes; the cycles use them in turn. */
const CYCLES: readonly ((page: Page, room: string) => Promise<void>)[] = [
  // Joins, watches, and sends `leave`.
  async (page, room) => {
    const { transport, media } = await page.join(room);
    await page.connect(transport.id);
    await page.ask('resumeConsumers', { consumerIds: media.consumers.map(({ id }) => id) });
    await page.ask('leave');
  },
  // Closes the tab without `leave`.
  async (page, room) => {
    await page.join(room);
  },
  // Is gone before the answer arrives.
  async (page, room) => {
    page.join(room).catch(() => undefined);
    await delay(2);
    page.drop();
  },
  // Loses its socket, resumes on a new one, renews its transport, leaves.
  async (page, room) => {
    const { session } = await page.join(room);
    page.drop();
    await page.reopen();
    await page.ask('resume', { protocol: PROTOCOL_VERSION, ...session });
    await page.ask('renewTransport');
    await page.ask('leave');
  },
  // Publishes video, audio and data for a viewer, and ends the broadcast.
  async (page, room) => {
    const own = `${room}-${page.index}`;
    const { transport, epoch } = await page.publish(own);
    const viewer = await Page.open(page.url, page.index);
    await viewer.join(own);
    await page.ask('endBroadcast', { epoch });
    await page.ask('leave', {}, ['session-gone', 'superseded']);
    viewer.close();
    if (!transport.id) throw new Error('no transport');
  },
  // Publishes and disappears; its viewer disappears too.
  async (page, room) => {
    const own = `${room}-${page.index}`;
    await page.publish(own);
    const viewer = await Page.open(page.url, page.index);
    await viewer.join(own);
    await viewer.ask('renewConsumers');
    viewer.close();
  },
];

/** One page of address `index` comes and goes. Failures are added to `errors`. */
export async function cycle(url: string, index: number, errors: string[]): Promise<void> {
  try {
    const page = await Page.open(url, index);
    try {
      await CYCLES[index % CYCLES.length]?.(
        page,
        `churn-${Math.floor(index / CYCLES.length) % ROOMS}`,
      );
    } finally {
      page.close();
    }
  } catch (error) {
    errors.push(`cycle ${index}: ${String(error)}`);
  }
}

interface Joined {
  readonly session: { readonly sessionId: string; readonly resumeSecret: string };
  readonly transport: { readonly id: string };
  readonly media: { readonly consumers: readonly { readonly id: string }[] };
}
interface Published extends Joined {
  readonly epoch: number;
}

/** A page as the server sees it, without a browser. */
class Page {
  readonly url: string;
  readonly index: number;
  client: LoadClient;

  static async open(url: string, index: number): Promise<Page> {
    return new Page(url, index, await connected(url, index));
  }

  private constructor(url: string, index: number, client: LoadClient) {
    this.url = url;
    this.index = index;
    this.client = client;
  }

  async reopen(): Promise<void> {
    this.client.close();
    this.client = await connected(this.url, this.index);
  }

  /** As when the network is gone, without a word. */
  drop(): void {
    this.client.socket.io.engine.close();
  }

  async join(room: string): Promise<Joined> {
    const { rtpCapabilities } = fixture;
    return (await this.ask('join', {
      protocol: PROTOCOL_VERSION,
      room,
      rtpCapabilities,
    })) as Joined;
  }

  async connect(transportId: string): Promise<void> {
    await this.ask('connectTransport', { transportId, dtlsParameters: fixture.dtlsParameters });
  }

  async publish(room: string): Promise<Published> {
    const answer = (await this.ask('publish', { protocol: PROTOCOL_VERSION, room })) as Published;
    const transportId = answer.transport.id;
    await this.connect(transportId);
    const { sctpStreamParameters, opus, simulcastVp8 } = fixture;
    await this.ask('produceData', { transportId, sctpStreamParameters });
    await this.ask('produce', { transportId, kind: 'audio', rtpParameters: opus });
    await this.ask('produce', { transportId, kind: 'video', rtpParameters: simulcastVp8 });
    return answer;
  }

  /** @returns the answer's value @throws for a refusal that is not in `allowed` */
  async ask(name: string, payload: object = {}, allowed: readonly string[] = []): Promise<unknown> {
    return this.client.request(name, payload).catch((error: unknown) => {
      if (allowed.some((code) => String(error).includes(`${name}: ${code} `))) return undefined;
      throw error;
    });
  }

  close(): void {
    this.client.close();
  }
}

async function connected(url: string, index: number): Promise<LoadClient> {
  const client = new LoadClient(url, index);
  await client.connected();
  return client;
}
