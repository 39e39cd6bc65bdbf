import * as v from 'valibot';
import { OnecastError } from '#protocol/errors.ts';
import { type RoomId, type Secret, SecretSchema } from '#protocol/ids.ts';
import { isOwnedName } from '#protocol/owned-name.ts';
import type { DeviceCodeGrant, DeviceCodeRequest, RedeemRequest } from '#protocol/room-codes.ts';
import type { AnswerOf, RequestOf, TransportDescription } from '#protocol/signalling.ts';
import { PROTOCOL_VERSION } from '#protocol/version.ts';
import type { AddressAdmission } from '../admission/address-admission.ts';
import type { Authority } from '../admission/authority.ts';
import { assertNameAllows } from '../admission/room-owner.ts';
import { connect } from '../media/mediasoup-calls.ts';
import { describeTransport } from '../media/routing/transports.ts';
import { rtpCapabilitiesOf } from '../media/rtp-parameters.ts';
import type { Publisher } from './publisher.ts';
import type { RoomRegistry } from './registry.ts';
import type { Claim, IngestAccess, Member, OwnershipGrant } from './room.ts';

/** The page that requests admission: over its socket, or by HTTP before it has one. */
export interface Requester {
  /** The address that limits count against. */
  readonly address: string;
  /** Makes the page's socket speak for `member`. @throws if the socket is gone already */
  attach(member: Member): void;
}

type Ownership = Pick<RequestOf<'publish'>, 'room' | 'publisherSecret' | 'ownershipProof'>;

/** A broadcast of an encoder: everything at once, and no socket. */
export interface OfferRequest {
  readonly room: RoomId;
  /** The room's publisherSecret, or a publisher's token. */
  readonly bearer: string;
  /** The address that limits count against. */
  readonly address: string;
  readonly offer: {
    readonly tracks: readonly Pick<RequestOf<'produce'>, 'kind' | 'rtpParameters'>[];
    readonly dtlsParameters: RequestOf<'connectTransport'>['dtlsParameters'];
  };
}

/** Admits pages and programs to rooms, and lets a page resume its session. */
export class RoomAdmission {
  readonly #registry: RoomRegistry;
  readonly #authority: Authority;
  readonly #addresses: AddressAdmission;

  constructor(registry: RoomRegistry, authority: Authority, addresses: AddressAdmission) {
    this.#registry = registry;
    this.#authority = authority;
    this.#addresses = addresses;
  }

  async join(request: RequestOf<'join'>, requester: Requester): Promise<AnswerOf<'join'>> {
    const { room, token, dtlsParameters } = request;
    assertProtocol(request.protocol);
    this.#countSession(requester);
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
        overlay: viewer.room.overlay.snapshot(),
      };
    });
  }

  async publish(request: RequestOf<'publish'>, requester: Requester): Promise<AnswerOf<'publish'>> {
    const { room, token } = request;
    assertProtocol(request.protocol);
    this.#countSession(requester);
    await this.#authority.authorise({ room, role: 'publisher', token });
    const { publisher, ownership } = this.#registry.claim(
      room,
      this.#claimOf(request),
      requester.address,
      'page',
    );
    return setUpOrClose(publisher, async () => {
      const transport = await publisher.openTransport();
      requester.attach(publisher);
      if (request.clock !== undefined) publisher.room.overlay.publisherClockIs(request.clock);
      return {
        session: publisher.session.grant(),
        room: publisher.room.view(),
        epoch: publisher.epoch,
        ...ownership,
        transport: describeTransport(transport),
      };
    });
  }

  /**
   * Publishes what an encoder offers. Its session has no socket, so it expires with its media.
   * @throws OnecastError as `ingestAccess`, and `too-many`, `bad-request`
   */
  async publishOffer({ room, bearer, address, offer }: OfferRequest): Promise<{
    readonly publisher: Publisher;
    readonly transport: TransportDescription;
  }> {
    this.#countSession({ address });
    await this.#authority.authorise({ room, role: 'publisher', token: bearer });
    const publisherSecret = this.#authority.byToken ? undefined : secretOf(bearer);
    const claim = this.#claimOf({ room, publisherSecret });
    const { publisher } = this.#registry.claim(room, claim, address, 'encoder');
    return setUpOrClose(publisher, async () => {
      const transport = await publisher.openTransport();
      publisher.session.detach();
      await connect(transport, offer.dtlsParameters);
      for (const track of offer.tracks) {
        await publisher.addProducer({ transportId: transport.id, ...track });
      }
      return { publisher, transport: describeTransport(transport) };
    });
  }

  /** By HTTP or over a socket, a session costs the same. @throws OnecastError `too-many` */
  #countSession({ address }: Pick<Requester, 'address'>): void {
    if (!this.#addresses.countSession(address)) throw new OnecastError('too-many');
  }

  /** @throws OnecastError `room-taken` if the room's name belongs to another secret */
  #claimOf({ room, publisherSecret, ownershipProof }: Ownership): Claim {
    if (this.#authority.byToken) return { by: 'token' };
    // The room checks this too, but then a refused claim would have created the room.
    assertNameAllows(room, publisherSecret);
    return { by: 'secret', secret: publisherSecret, proof: ownershipProof };
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
        overlay: viewer ? viewer.room.overlay.snapshot() : null,
      };
    });
  }

  /** @throws OnecastError `not-allowed` where tokens decide, `draining`, `room-unknown`, `room-taken` */
  deviceCode({ room, publisherSecret }: DeviceCodeRequest): DeviceCodeGrant {
    this.#assertSecretsDecide();
    return this.#registry.existingRoom(room).issueDeviceCode(publisherSecret);
  }

  /**
   * Gives another browser what makes it the publisher: by a code that the publisher has made, or by the
   * room's own secret. It never makes a secret, and none that is not the room's already is accepted.
   * @throws OnecastError `not-allowed` where tokens decide, `draining`, `code-invalid`, `room-unknown`
   */
  redeem(request: RedeemRequest): OwnershipGrant {
    this.#assertSecretsDecide();
    try {
      if ('code' in request) {
        return this.#registry.existingRoom(request.room).redeemDeviceCode(request.code);
      }
      const { room, publisherSecret } = request;
      assertNameAllows(room, publisherSecret);
      // Such a name is proof enough, also for a room that this server does not know.
      if (isOwnedName(room)) return { publisherSecret, ownershipProof: undefined };
      return this.#registry.existingRoom(room).grantTo(publisherSecret);
    } catch (error) {
      const code = error instanceof OnecastError ? error.code : undefined;
      const isWrong =
        code === 'room-taken' || (code === 'room-unknown' && isOwnedName(request.room));
      throw isWrong ? new OnecastError('code-invalid') : error;
    }
  }

  #assertSecretsDecide(): void {
    if (this.#authority.byToken) throw new OnecastError('not-allowed');
  }

  /**
   * Lets a program send overlay messages to a room. The program needs the publisher's own
   * authority: a publisher's token if the server requires tokens, else the room's publisherSecret.
   * Never creates a room.
   * @throws OnecastError `authority-missing`, `draining`, `room-unknown`, `room-taken`, and as
   * `Authority.authorise`
   */
  async ingestAccess(id: RoomId, bearer: string | undefined): Promise<IngestAccess> {
    if (bearer === undefined) throw new OnecastError('authority-missing');
    if (this.#authority.byToken) {
      await this.#authority.authorise({ room: id, role: 'publisher', token: bearer });
      return this.#registry.existingRoom(id).ingestAccess();
    }
    const room = this.#registry.existingRoom(id);
    room.assertPublisherSecret(secretOf(bearer));
    return room.ingestAccess();
  }
}

/** @throws OnecastError `room-taken`: text without the form of a secret can't be the room's */
function secretOf(bearer: string): Secret {
  const secret = v.safeParse(SecretSchema, bearer);
  if (!secret.success) throw new OnecastError('room-taken');
  return secret.output;
}

/** Closes a session whose set-up failed. */
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
