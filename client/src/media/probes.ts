import type { types } from 'mediasoup-client';

const TRANSPORT_CC =
  'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01' as const;

type Capabilities = Pick<types.RtpCapabilities, 'headerExtensions'>;

/**
 * The server probes a line by packets of a stream of its own, once it estimates the line.
 * mediasoup-client makes this page's side of that stream once, from the parameters of the first video
 * consumer. Those name no transport-cc while the line is good, and no probe would ever count. So they
 * are made to name it, in the moment between that consumer's side, which is made by then and stays as
 * it is, and that of the probes.
 */
export function readyForProbes(
  consumer: Pick<types.Consumer, 'kind' | 'rtpParameters'>,
  { headerExtensions = [] }: Capabilities,
): void {
  if (consumer.kind !== 'video') return;
  const known = headerExtensions.find(({ uri, kind }) => uri === TRANSPORT_CC && kind === 'video');
  const { codecs, headerExtensions: named } = consumer.rtpParameters;
  const [codec] = codecs;
  if (!known || !codec || !named || named.some(({ uri }) => uri === TRANSPORT_CC)) return;
  named.push({ uri: TRANSPORT_CC, id: known.preferredId, encrypt: false, parameters: {} });
  codec.rtcpFeedback = [...(codec.rtcpFeedback ?? []), { type: 'transport-cc', parameter: '' }];
}
