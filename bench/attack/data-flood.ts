/** A publisher's page that sends 1,000 large messages a second on its data channel. */
import type { Browser, Page } from 'playwright-core';
import { openPage } from '#testkit/browser/browser.ts';
import { waitForStatus } from '#testkit/browser/shown-video.ts';

export interface DataFloodResult {
  readonly messages: number;
  /** Bytes that the browser accepted and no longer buffers. */
  readonly bytes: number;
  /** From the first message to the end of the channel, ms; undefined while it is open. */
  readonly closedAfterMs: number | undefined;
}

interface Flood {
  channel?: RTCDataChannel;
  messages: number;
  bytes: number;
  closedAfterMs?: number;
}
declare global {
  var flood: Flood;
}

/** Opens a page that is live in its own room, ready to flood. */
export async function openFlooder(browser: Browser, url: string, room: string): Promise<Page> {
  const context = await browser.newContext();
  await context.addInitScript(() => {
    const flood: Flood = { messages: 0, bytes: 0 };
    globalThis.flood = flood;
    globalThis.RTCPeerConnection = class extends RTCPeerConnection {
      override createDataChannel(label: string, options?: RTCDataChannelInit): RTCDataChannel {
        flood.channel = super.createDataChannel(label, options);
        return flood.channel;
      }
      override async setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
        // Otherwise the browser refuses messages larger than the server's max-message-size.
        const sdp = description.sdp?.replace(
          /a=max-message-size:\d+/g,
          'a=max-message-size:262144',
        );
        await super.setRemoteDescription({ ...description, ...(sdp !== undefined && { sdp }) });
      }
    };
  });
  const { page } = await openPage(context, `${url}/publish/${room}`);
  await page.click('#start');
  await waitForStatus(page, 'live');
  await page.waitForFunction(() => globalThis.flood.channel?.readyState === 'open');
  return page;
}

/** Floods until the page is closed. */
export async function startFlood(page: Page, bytes: number, perSecond: number): Promise<void> {
  await page.evaluate(
    ([size, rate]) => {
      const { flood } = globalThis;
      const { channel } = flood;
      if (!channel) throw new Error('no data channel');
      const message = new Uint8Array(size);
      const begun = performance.now();
      channel.addEventListener('close', () => {
        flood.closedAfterMs ??= performance.now() - begun;
      });
      setInterval(() => {
        const due = ((performance.now() - begun) / 1_000) * rate;
        while (flood.messages < due && channel.readyState === 'open') {
          try {
            channel.send(message);
          } catch {
            // The browser's send buffer of 16 MiB is full.
            break;
          }
          flood.messages += 1;
          flood.bytes += size;
        }
      }, 5);
    },
    [bytes, perSecond] as const,
  );
}

export async function floodResult(page: Page): Promise<DataFloodResult> {
  return page.evaluate(() => {
    const { messages, bytes, channel, closedAfterMs } = globalThis.flood;
    return { messages, bytes: bytes - (channel?.bufferedAmount ?? 0), closedAfterMs };
  });
}
