import chromium from '#protocol/fixtures/chromium-156.json' with { type: 'json' };
import type { RequestName } from '#protocol/signalling.ts';
import { PROTOCOL_VERSION } from '#protocol/version.ts';
import { broadcast, join } from './requests.ts';
import { RawSocket } from './raw-socket.ts';
import type { InProcessServer } from '../server/in-process-server.ts';
import { SignalClient } from './signal-client.ts';

const PUBLISHING: readonly RequestName[] = [
  'connectTransport',
  'restartIce',
  'renewTransport',
  'produce',
  'produceData',
  'closeProducer',
  'setSources',
  'endBroadcast',
  'setState',
];
const WATCHING: readonly RequestName[] = [
  'resumeConsumers',
  'requestKeyFrame',
  'renewConsumers',
  'stateSnapshot',
  'report',
  'leave',
];
const INGESTING: readonly RequestName[] = ['attachIngest', 'ingest'];

const KEYED = {
  kind: 'shapes',
  topic: 'match',
  key: 'home',
  capturedAt: 1,
  shapes: [{ type: 'box', x: 0, y: 0, width: 1, height: 1, label: 'a', color: '#fff', id: '1' }],
};

let prepared = 0;

/** A socket in the state in which a request makes sense, and a payload that would be carried out. */
export class PreparedRequest {
  readonly socket: RawSocket;
  readonly payload: object;

  static async prepare(name: RequestName, server: InProcessServer): Promise<PreparedRequest> {
    const room = `prepared-${(prepared += 1)}`;
    const socket = await RawSocket.open(server.url);
    const enter = async (request: RequestName, more: object) => {
      const payload = { requestId: 'enter', protocol: PROTOCOL_VERSION, room, ...more };
      const ack = await socket.request(request, JSON.stringify(payload));
      const { ok, value } = ack as { ok: boolean; value: Entered };
      if (!ok) throw new Error(`${name} can't be prepared: ${JSON.stringify(ack)}`);
      return value;
    };
    if (PUBLISHING.includes(name)) {
      const { transport, epoch } = await enter('publish', {});
      const payload = payloadOf(name, room, { transportId: transport.id, epoch });
      if (name === 'setState') {
        const video = payloadOf('produce', room, { transportId: transport.id });
        await socket.request('produce', JSON.stringify({ ...video, requestId: 'video' }));
      }
      return new PreparedRequest(socket, payload);
    }
    if (INGESTING.includes(name)) {
      const { publisherSecret } = await enter('publish', {});
      await enter('attachIngest', { bearer: publisherSecret });
      return new PreparedRequest(socket, payloadOf(name, room, { bearer: publisherSecret }));
    }
    if (WATCHING.includes(name)) {
      const owner = await SignalClient.connect(server.url);
      await broadcast(owner, room);
      const { rtpCapabilities } = chromium;
      const { media, session } = await enter('join', { rtpCapabilities });
      owner.close();
      const consumerIds = media?.consumers.map(({ id }) => id) ?? [];
      return new PreparedRequest(socket, payloadOf(name, room, { consumerIds, ...session }));
    }
    const client = await SignalClient.connect(server.url);
    const { session } = await join(client, room);
    client.close();
    return new PreparedRequest(socket, payloadOf(name, room, session));
  }

  private constructor(socket: RawSocket, payload: object) {
    this.socket = socket;
    this.payload = payload;
  }

  close(): void {
    this.socket.close();
  }
}

interface Entered {
  readonly transport: { readonly id: string };
  readonly session: { readonly sessionId: string; readonly resumeSecret: string };
  readonly epoch?: number;
  readonly publisherSecret?: string;
  readonly media?: { readonly consumers: readonly { readonly id: string }[] };
}

interface Known {
  readonly transportId?: string;
  readonly epoch?: number | undefined;
  readonly consumerIds?: readonly string[];
  readonly sessionId?: string;
  readonly resumeSecret?: string;
  readonly bearer?: string | undefined;
}

function payloadOf(name: RequestName, room: string, known: Known): object {
  const { transportId, epoch, consumerIds, sessionId, resumeSecret, bearer } = known;
  const entering = { protocol: PROTOCOL_VERSION, room };
  const { rtpCapabilities, dtlsParameters, sctpStreamParameters, simulcastVp8 } = chromium;
  const fields: Record<RequestName, object> = {
    join: { ...entering, rtpCapabilities, dtlsParameters },
    publish: {
      ...entering,
      publisherSecret: 'A'.repeat(43),
      ownershipProof: `1.2.${'A'.repeat(43)}`,
    },
    attach: { protocol: PROTOCOL_VERSION, sessionId, resumeSecret },
    resume: { protocol: PROTOCOL_VERSION, sessionId, resumeSecret },
    connectTransport: { transportId, dtlsParameters },
    restartIce: { transportId },
    renewTransport: {},
    produce: { transportId, kind: 'video', rtpParameters: simulcastVp8 },
    produceData: { transportId, sctpStreamParameters },
    closeProducer: { producerId: transportId },
    setSources: { video: 'muted', audio: 'off' },
    endBroadcast: { epoch },
    resumeConsumers: { consumerIds },
    requestKeyFrame: {},
    renewConsumers: {},
    setState: { keys: [['match', 'home']], messages: [KEYED] },
    stateSnapshot: {},
    report: {
      join: { way: 'ahead', steps: { asked: 1, answered: 2, 'set-up': 3, frame: 4 } },
      match: { method: 'tag' },
    },
    attachIngest: { ...entering, bearer },
    ingest: { messages: [KEYED] },
    leave: {},
  };
  return { requestId: 'poison', ...fields[name] };
}
