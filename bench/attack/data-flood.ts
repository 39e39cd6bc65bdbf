/** A publisher whose page has been taught to send 1,000 large messages a second on its data channel. */
import type { Browser, Page } from 'playwright-core';
import { openPage } from '#testkit/browser/browser.ts';
import { waitForStatus } from '#testkit/browser/shown-video.ts';

export interface DataFloodResult {
  readonly messages: number;
  /** Bytes handed to the browser's network stack. */
  readonly bytes: number;
  /** From the first message to the end of the channel, ms; undefined where it was still open. */
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

/** On air in a room of its own, and about to send `bytes` at a time. */
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
        // The browser would hold back what is larger than the server says it takes.
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

/** Runs until the page is closed. */
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
            // Its buffer of 16 MiB is full: the line takes no more.
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
