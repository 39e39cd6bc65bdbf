import { detectDevice, Device } from 'mediasoup-client';
import type { PageConfig } from '#protocol/signalling.ts';

/**
 * A Device that knows the routers' capabilities, ready before the socket is up.
 * @throws where this browser can't do WebRTC as mediasoup-client needs it.
 */
export async function loadDevice(page: PageConfig): Promise<Device> {
  const handlerName = detectDevice() ?? byUserAgent(navigator.userAgent);
  const device = new Device(handlerName && { handlerName });
  await device.load({ routerRtpCapabilities: page.routerRtpCapabilities });
  return device;
}

/** On a plain-HTTP origin Chromium hides its brands, and a headless one has a name of its own. */
function byUserAgent(userAgent: string): 'Chrome111' | undefined {
  const major = /(?:Headless)?Chrom(?:e|ium)\/(\d+)/.exec(userAgent)?.[1];
  return Number(major) >= 111 ? 'Chrome111' : undefined;
}
