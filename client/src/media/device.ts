import { detectDevice, Device } from 'mediasoup-client';
import type { PageConfig } from '#protocol/signalling.ts';

export type Direction = 'sendonly' | 'recvonly';

/**
 * A Device that knows the routers' capabilities, ready before the socket is up; for a page that does
 * nothing but send, or nothing but receive.
 * @throws where this browser can't do WebRTC as mediasoup-client needs it.
 */
export async function loadDevice(page: PageConfig, direction: Direction): Promise<Device> {
  const handlerName = detectDevice() ?? byUserAgent(navigator.userAgent);
  const device = new Device(handlerName && { handlerName });
  askOnce(Reflect.get(device, '_handlerFactory'), direction);
  await device.load({ routerRtpCapabilities: page.routerRtpCapabilities });
  return device;
}

/**
 * Device.load asks the browser what it can receive and then what it can send, with a peer connection
 * for each, and joining waits for both. What the page does not do is answered by what it does.
 */
export function askOnce(factory: unknown, direction: Direction): void {
  if (typeof factory !== 'object' || factory === null) return;
  const ask: unknown = Reflect.get(factory, 'getNativeRtpCapabilities');
  // Kept elsewhere in another version of mediasoup-client: it goes on asking twice.
  if (typeof ask !== 'function') return;
  let answer: unknown;
  Reflect.set(
    factory,
    'getNativeRtpCapabilities',
    () => (answer ??= Reflect.apply(ask, factory, [{ direction }])),
  );
}

/** On a plain-HTTP origin Chromium hides its brands, and a headless one has a name of its own. */
function byUserAgent(userAgent: string): 'Chrome111' | undefined {
  const major = /(?:Headless)?Chrom(?:e|ium)\/(\d+)/.exec(userAgent)?.[1];
  return Number(major) >= 111 ? 'Chrome111' : undefined;
}
