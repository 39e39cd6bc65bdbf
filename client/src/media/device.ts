/** Loads mediasoup-client's Device, and works around three of the library's limits. */
import { detectDevice, Device, type types } from 'mediasoup-client';
import type { PageConfig } from '#protocol/signalling.ts';

/** What the page does with media: each page either sends or receives. */
export type Direction = 'sendonly' | 'recvonly';

/**
 * Loads a Device with the routers' capabilities from the page, so it is ready before the socket is.
 * @throws UnsupportedError of mediasoup-client where this browser lacks the WebRTC that it needs.
 */
export async function loadDevice(page: PageConfig, direction: Direction): Promise<Device> {
  const handlerName = detectDevice() ?? handlerByUserAgent(navigator.userAgent);
  const device = new Device(handlerName && { handlerName });
  queryCapabilitiesOnce(Reflect.get(device, '_handlerFactory'), direction);
  await device.load({ routerRtpCapabilities: page.routerRtpCapabilities });
  return device;
}

/**
 * `Device.load` queries the browser's receiving and then its sending capabilities, each with its own
 * peer connection, and joining waits for both. This makes both queries use the answer for the one
 * direction that the page needs.
 */
export function queryCapabilitiesOnce(factory: unknown, direction: Direction): void {
  if (typeof factory !== 'object' || factory === null) return;
  const query: unknown = Reflect.get(factory, 'getNativeRtpCapabilities');
  // Another version of mediasoup-client may keep it elsewhere; then there are two queries.
  if (typeof query !== 'function') return;
  let answer: unknown;
  Reflect.set(
    factory,
    'getNativeRtpCapabilities',
    () => (answer ??= Reflect.apply(query, factory, [{ direction }])),
  );
}

/** On a plain-HTTP origin Chromium hides its brands, and a headless Chromium has another name. */
function handlerByUserAgent(userAgent: string): 'Chrome111' | undefined {
  const major = /(?:Headless)?Chrom(?:e|ium)\/(\d+)/.exec(userAgent)?.[1];
  return Number(major) >= 111 ? 'Chrome111' : undefined;
}

const TRANSPORT_CC =
  'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01' as const;

/**
 * Adds transport-cc to the parameters of a video consumer, for the probe stream that the server uses
 * once it estimates this viewer's bandwidth. mediasoup-client sets up that probe stream only once,
 * with the parameters of the first video consumer. As long as the server does not estimate, those
 * parameters lack transport-cc, and then no probe would ever count. Must be called after the
 * consumer's own receiver is set up (it does not change any more) and before the probe stream is.
 */
export function declareTransportCc(
  consumer: Pick<types.Consumer, 'kind' | 'rtpParameters'>,
  { headerExtensions = [] }: Pick<types.RtpCapabilities, 'headerExtensions'>,
): void {
  if (consumer.kind !== 'video') return;
  const supported = headerExtensions.find(
    ({ uri, kind }) => uri === TRANSPORT_CC && kind === 'video',
  );
  const { codecs, headerExtensions: declared } = consumer.rtpParameters;
  const [codec] = codecs;
  if (!supported || !codec || !declared || declared.some(({ uri }) => uri === TRANSPORT_CC)) return;
  declared.push({ uri: TRANSPORT_CC, id: supported.preferredId, encrypt: false, parameters: {} });
  codec.rtcpFeedback = [...(codec.rtcpFeedback ?? []), { type: 'transport-cc', parameter: '' }];
}
