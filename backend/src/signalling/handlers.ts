import type { Authority } from '../auth/authority.ts';
import { connect, restartIce } from '../media/door.ts';
import { rtpCapabilitiesOf } from '../media/rtp-parameters.ts';
import { describeTransport } from '../media/transports.ts';
import { OnecastError } from '../protocol/errors.ts';
import type { AnswerOf, RequestOf } from '../protocol/signalling.ts';
import { PROTOCOL_VERSION } from '../protocol/version.ts';
import { roomToFeed } from '../rooms/feed-access.ts';
import type { Member, RoomRegistry } from '../rooms/room-registry.ts';
import type { Handlers } from './bind.ts';
import type { Connection } from './connection.ts';

/** What each request does. Entrances run one at a time per socket, the rest one at a time per session. */
export function createHandlers(
  connection: Connection,
  registry: RoomRegistry,
  authority: Authority,
): Handlers {
  /** For either role. */
  const asMember = <T>(task: (member: Member) => Promise<T>) =>
    connection.member.session.exclusive(() => task(connection.member));
  const asPublisher = <T>(task: (publisher: Connection['publisher']) => Promise<T>) => {
    const { publisher } = connection;
    return publisher.session.exclusive(() => task(publisher));
  };
  const asViewer = <T>(task: (viewer: Connection['viewer']) => Promise<T>) => {
    const { viewer } = connection;
    return viewer.session.exclusive(() => task(viewer));
  };

  return {
    join: async (request) => connection.enter(() => join(connection, registry, authority, request)),
    publish: async (request) =>
      connection.enter(() => publish(connection, registry, authority, request)),
    resume: async (request) => connection.enter(() => resume(connection, registry, request)),

    connectTransport: async ({ transportId, dtlsParameters }) =>
      asMember(async ({ session }) => {
        const transport = session.transport(transportId);
        session.expectDtls(transport);
        await connect(transport, dtlsParameters);
        return null;
      }),
    restartIce: async ({ transportId }) =>
      asMember(async ({ session }) => ({
        iceParameters: await restartIce(session.transport(transportId)),
      })),
    renewTransport: async () => asMember((member) => member.renewTransport()),
    leave: async () =>
      asMember(async ({ session }) => {
        session.close('left');
        return null;
      }),

    produce: async (request) => asPublisher((publisher) => publisher.addProducer(request)),
    produceData: async (request) => asPublisher((publisher) => publisher.addDataProducer(request)),
    closeProducer: async ({ producerId }) =>
      asPublisher(async (publisher) => {
        publisher.closeProducer(producerId);
        return null;
      }),
    endBroadcast: async ({ epoch }) =>
      asPublisher(async (publisher) => {
        publisher.room.endBroadcast(publisher, epoch);
        return null;
      }),

    setState: async ({ keys, messages }) =>
      asPublisher(async (publisher) => {
        publisher.room.setState(publisher, keys, messages);
        return null;
      }),

    resumeConsumers: async ({ consumerIds }) =>
      asViewer(async (viewer) => {
        await viewer.resumeConsumers(consumerIds);
        return null;
      }),
    requestKeyFrame: async () =>
      asViewer(async (viewer) => {
        await viewer.requestKeyFrame();
        return null;
      }),
    renewConsumers: async () => asViewer((viewer) => viewer.renewConsumers()),
    stateSnapshot: async () => connection.viewer.room.overlay().state,

    attachFeed: async ({ protocol, room, bearer }) => {
      assertProtocol(protocol);
      connection.fed = await roomToFeed(registry, authority, room, bearer);
      return connection.fed.view();
    },
    feed: async ({ messages }) => connection.fed.feed(messages),
  };
}

async function join(
  connection: Connection,
  registry: RoomRegistry,
  authority: Authority,
  request: RequestOf<'join'>,
): Promise<AnswerOf<'join'>> {
  const { room, token } = request;
  assertProtocol(request.protocol);
  await authority.authorise({ room, role: 'viewer', token });
  const rtpCapabilities = rtpCapabilitiesOf(request.rtpCapabilities);
  const viewer = registry.addViewer(room, rtpCapabilities, connection.address);
  return entered(viewer, async () => {
    const transport = await viewer.openTransport();
    const media = await viewer.matchBroadcast();
    connection.attach(viewer);
    return {
      session: viewer.session.grant(),
      room: viewer.room.view(),
      transport: describeTransport(transport),
      media,
      overlay: viewer.room.overlay(),
    };
  });
}

async function publish(
  connection: Connection,
  registry: RoomRegistry,
  authority: Authority,
  request: RequestOf<'publish'>,
): Promise<AnswerOf<'publish'>> {
  const { room, token } = request;
  assertProtocol(request.protocol);
  await authority.authorise({ room, role: 'publisher', token });
  const { publisher, publisherSecret } = registry.claim(
    room,
    authority.byToken ? { by: 'token' } : { by: 'secret', secret: request.publisherSecret },
    connection.address,
  );
  return entered(publisher, async () => {
    const transport = await publisher.openTransport();
    connection.attach(publisher);
    return {
      session: publisher.session.grant(),
      room: publisher.room.view(),
      epoch: publisher.epoch,
      ...(publisherSecret !== undefined && { publisherSecret }),
      transport: describeTransport(transport),
    };
  });
}

async function resume(
  connection: Connection,
  registry: RoomRegistry,
  request: RequestOf<'resume'>,
): Promise<AnswerOf<'resume'>> {
  assertProtocol(request.protocol);
  const member = registry.member(request.sessionId);
  if (!member) throw new OnecastError('session-gone');
  return member.session.exclusive(async () => {
    const session = member.session.resume(request.resumeSecret);
    connection.attach(member);
    const transport = member.session.openTransport;
    const viewer = member.role === 'viewer' ? member : undefined;
    return {
      session,
      transportId: transport?.id ?? null,
      media: viewer && transport ? await viewer.matchBroadcast() : null,
      producerIds: member.role === 'publisher' ? member.producerIds : [],
      room: member.room.view(),
      overlay: viewer ? viewer.room.overlay() : null,
    };
  });
}

/** A session that could not be set up does not stay. */
async function entered<T>(member: Member, setUp: () => Promise<T>): Promise<T> {
  try {
    return await member.session.exclusive(setUp);
  } catch (error) {
    member.session.close('left');
    throw error;
  }
}

function assertProtocol(protocol: number): void {
  if (protocol !== PROTOCOL_VERSION) throw new OnecastError('protocol-mismatch');
}
