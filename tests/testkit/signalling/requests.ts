/** The requests of an honest page, with the parameters of a real Chromium. */
import chromium from '#protocol/fixtures/chromium-156.json' with { type: 'json' };
import type { OwnershipProof, Secret } from '#protocol/ids.ts';
import type { AnswerOf, SessionGrant } from '#protocol/signalling.ts';
import { PROTOCOL_VERSION } from '#protocol/version.ts';
import type { SignalClient } from './signal-client.ts';

export const PROTOCOL = { protocol: PROTOCOL_VERSION } as const;

export const join = (client: SignalClient, room: string): Promise<AnswerOf<'join'>> =>
  client.request('join', { ...PROTOCOL, room, rtpCapabilities: chromium.rtpCapabilities });

export const claim = (
  client: SignalClient,
  room: string,
  publisherSecret?: Secret,
  ownershipProof?: OwnershipProof,
): Promise<AnswerOf<'publish'>> =>
  client.request('publish', { ...PROTOCOL, room, publisherSecret, ownershipProof });

export const resume = (
  client: SignalClient,
  { sessionId, resumeSecret }: SessionGrant,
): Promise<AnswerOf<'resume'>> =>
  client.request('resume', { ...PROTOCOL, sessionId, resumeSecret });

/** A page sends this first on a new transport. */
export const connectTransport = (client: SignalClient, transportId: string) =>
  client.request('connectTransport', { transportId, dtlsParameters: chromium.dtlsParameters });

export const produceVideo = (client: SignalClient, transportId: string) =>
  client.request('produce', {
    transportId,
    kind: 'video',
    rtpParameters: chromium.simulcastVp8,
  });

export const produceAudio = (client: SignalClient, transportId: string) =>
  client.request('produce', { transportId, kind: 'audio', rtpParameters: chromium.opus });

export const produceOverlay = (client: SignalClient, transportId: string) =>
  client.request('produceData', {
    transportId,
    sctpStreamParameters: chromium.sctpStreamParameters,
  });

/** Claims the room and goes live as a page does: the overlay first; the broadcast begins with the video. */
export async function broadcast(
  client: SignalClient,
  room: string,
  secret?: Secret,
  proof?: OwnershipProof,
): Promise<AnswerOf<'publish'>> {
  const claimed = await claim(client, room, secret, proof);
  await produceOverlay(client, claimed.transport.id);
  await produceVideo(client, claimed.transport.id);
  return claimed;
}
