import { connect, restartIce } from '../media/mediasoup-calls.ts';
import { assertProtocol, type RoomAdmission } from '../rooms/room-admission.ts';
import type { Member } from '../rooms/room.ts';
import type { Handlers } from './bind.ts';
import type { SignallingSocket } from './signalling-socket.ts';

/**
 * What each request does. The requests for admission run one at a time per socket, the others one at a
 * time per session.
 */
export function createHandlers(connection: SignallingSocket, admission: RoomAdmission): Handlers {
  /** For either role. */
  const asMember = <T>(task: (member: Member) => Promise<T>) =>
    connection.member.session.exclusive(() => task(connection.member));
  const asPublisher = <T>(task: (publisher: SignallingSocket['publisher']) => Promise<T>) => {
    const { publisher } = connection;
    return publisher.session.exclusive(() => task(publisher));
  };
  const asViewer = <T>(task: (viewer: SignallingSocket['viewer']) => Promise<T>) => {
    const { viewer } = connection;
    return viewer.session.exclusive(() => task(viewer));
  };

  return {
    join: async (request) => connection.runAdmission(() => admission.join(request, connection)),
    publish: async (request) =>
      connection.runAdmission(() => admission.publish(request, connection)),
    attach: async (request) => connection.runAdmission(() => admission.resume(request, connection)),
    resume: async (request) => connection.runAdmission(() => admission.resume(request, connection)),

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
    setSources: async (sources) =>
      asPublisher(async (publisher) => {
        publisher.setSources(sources);
        return null;
      }),
    endBroadcast: async ({ epoch }) =>
      asPublisher(async (publisher) => {
        publisher.endBroadcast(epoch);
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
    report: async ({ join, match }) => {
      const { viewer } = connection;
      if (join) viewer.joined(join);
      if (match) viewer.matchMethod = match.method;
      return null;
    },
    stateSnapshot: async () => connection.viewer.room.overlay.snapshot().state,

    attachIngest: async ({ protocol, room, bearer }) => {
      assertProtocol(protocol);
      connection.ingestAccess = await admission.ingestAccess(room, bearer);
      return connection.ingestAccess.view();
    },
    ingest: async ({ messages }) => connection.ingestAccess.ingest(messages),
  };
}
