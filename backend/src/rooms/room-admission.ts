import type { Authority } from '../admission/authority.ts';
import { rtpCapabilitiesOf } from '../media/rtp-parameters.ts';
import { describeTransport } from '../media/routing/transports.ts';
import { OnecastError } from '#protocol/errors.ts';
import type { AnswerOf, RequestOf } from '#protocol/signalling.ts';
import { PROTOCOL_VERSION } from '#protocol/version.ts';
import type { Member, RoomRegistry } from './registry.ts';

/** Who comes in: over a socket, or ahead of it. */
export interface Requester {
  /** Whose it is, as limits count. */
  readonly address: string;
  /** From here on its socket speaks for `member`. @throws where the socket is gone already */
  attach(member: Member): void;
}

/** How a page comes into a room, and how it takes its session up again. */
export class RoomAdmission {
  readonly #registry: RoomRegistry;
  readonly #authority: Authority;

  constructor(registry: RoomRegistry, authority: Authority) {
    this.#registry = registry;
    this.#authority = authority;
  }

  async join(request: RequestOf<'join'>, requester: Requester): Promise<AnswerOf<'join'>> {
    const { room, token, dtlsParameters } = request;
    assertProtocol(request.protocol);
    await this.#authority.authorise({ room, role: 'viewer', token });
    const rtpCapabilities = rtpCapabilitiesOf(request.rtpCapabilities);
    const viewer = this.#registry.addViewer(room, rtpCapabilities, requester.address);
    return setUpOrClose(viewer, async () => {
      const transport = await viewer.openTransport(dtlsParameters);
      const media = await viewer.matchBroadcast();
      requester.attach(viewer);
      return {
        session: viewer.session.grant(),
        room: viewer.room.view(),
        transport: describeTransport(transport),
        media,
        overlay: viewer.room.overlay(),
      };
    });
  }

  async publish(request: RequestOf<'publish'>, requester: Requester): Promise<AnswerOf<'publish'>> {
    const { room, token } = request;
    assertProtocol(request.protocol);
    await this.#authority.authorise({ room, role: 'publisher', token });
    const { publisher, publisherSecret } = this.#registry.claim(
      room,
      this.#authority.byToken ? { by: 'token' } : { by: 'secret', secret: request.publisherSecret },
      requester.address,
    );
    return setUpOrClose(publisher, async () => {
      const transport = await publisher.openTransport();
      requester.attach(publisher);
      return {
        session: publisher.session.grant(),
        room: publisher.room.view(),
        epoch: publisher.epoch,
        ...(publisherSecret !== undefined && { publisherSecret }),
        transport: describeTransport(transport),
      };
    });
  }

  async resume(
    request: RequestOf<'resume' | 'attach'>,
    requester: Requester,
  ): Promise<AnswerOf<'resume'>> {
    assertProtocol(request.protocol);
    const member = this.#registry.member(request.sessionId);
    if (!member) throw new OnecastError('session-gone');
    return member.session.exclusive(async () => {
      const session = member.session.resume(request.resumeSecret);
      requester.attach(member);
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
}

/** A session that could not be set up does not stay. */
async function setUpOrClose<T>(member: Member, setUp: () => Promise<T>): Promise<T> {
  try {
    return await member.session.exclusive(setUp);
  } catch (error) {
    member.session.close('left');
    throw error;
  }
}

export function assertProtocol(protocol: number): void {
  if (protocol !== PROTOCOL_VERSION) throw new OnecastError('protocol-mismatch');
}
