/** Records in a page what a fault does to it: frames, peer connections and statuses, with times. */
import type { BrowserContext, Page } from 'playwright-core';

interface Recording {
  /** Wall-clock ms of every frame that the video has shown. */
  frames: number[];
  /** Every peer connection that the page has created. */
  peers: RTCPeerConnection[];
  /** Each status and the wall-clock ms at which it began. */
  statuses: { status: string; at: number }[];
  /** Wall-clock ms at which the page first had a camera. */
  cameraOpenedAt: number | undefined;
}

declare global {
  var recording: Recording;
}

/** Must be called before the context opens a page. */
export async function recordPages(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const recording: Recording = {
      frames: [],
      peers: [],
      statuses: [],
      cameraOpenedAt: undefined,
    };
    globalThis.recording = recording;
    const wall = () => performance.timeOrigin + performance.now();
    globalThis.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(...args: ConstructorParameters<typeof RTCPeerConnection>) {
        super(...args);
        recording.peers.push(this);
      }
    };
    const { mediaDevices } = navigator;
    const getUserMedia = mediaDevices?.getUserMedia.bind(mediaDevices);
    if (getUserMedia) {
      mediaDevices.getUserMedia = async (constraints) => {
        const stream = await getUserMedia(constraints);
        recording.cameraOpenedAt ??= wall();
        return stream;
      };
    }
    addEventListener('DOMContentLoaded', () => {
      const video = document.querySelector<HTMLVideoElement>('#video');
      const noteFrame = () => {
        recording.frames.push(wall());
        video?.requestVideoFrameCallback(noteFrame);
      };
      video?.requestVideoFrameCallback(noteFrame);
      const status = document.querySelector<HTMLElement>('#status');
      if (!status) return;
      const noteStatus = () => {
        const now = status.dataset['status'] ?? '';
        if (recording.statuses.at(-1)?.status !== now) {
          recording.statuses.push({ status: now, at: wall() });
        }
      };
      noteStatus();
      new MutationObserver(noteStatus).observe(status, { attributeFilter: ['data-status'] });
    });
  });
}

/** How many peer connections the page has created since it was loaded. */
export async function peerConnectionCount(page: Page): Promise<number> {
  return page.evaluate(() => recording.peers.length);
}

/** Resolves with the wall-clock ms at which the page first had its camera. */
export async function captureAt(page: Page): Promise<number> {
  const found = await page.waitForFunction(() => recording.cameraOpenedAt, undefined, {
    polling: 20,
  });
  const at = await found.jsonValue();
  if (at === undefined) throw new Error('no camera');
  return at;
}

/**
 * Resolves with the wall-clock ms of the first frame shown after `since`, as soon as nine more
 * frames have followed it.
 */
export async function firstFrameAfter(
  page: Page,
  since: number,
  timeout = 90_000,
): Promise<number> {
  const found = await page.waitForFunction(
    (from) => {
      const after = recording.frames.filter((at) => at > from);
      return after.length >= 10 ? after[0] : undefined;
    },
    since,
    { polling: 50, timeout },
  );
  const at = await found.jsonValue();
  if (at === undefined) throw new Error('no frame');
  return at;
}

/** The longest time in ms between two consecutive frames, from the last frame before `from` on. */
export async function longestFrameGap(page: Page, from: number): Promise<number> {
  return page.evaluate((since) => {
    const { frames } = recording;
    const first = Math.max(
      1,
      frames.findIndex((at) => at >= since),
    );
    let longest = 0;
    for (let i = first; i < frames.length; i += 1) {
      longest = Math.max(longest, (frames[i] ?? 0) - (frames[i - 1] ?? 0));
    }
    return longest;
  }, from);
}

/** When the page first showed one of `statuses` after `since`; undefined when it never did. */
export async function firstStatusSince(page: Page, since: number, ...statuses: string[]) {
  return page.evaluate(
    ([from, wanted]) =>
      recording.statuses.find(({ status, at }) => at >= from && wanted.includes(status))?.at,
    [since, statuses] as const,
  );
}

/** The SSRC of the video stream that the newest peer connection decodes. */
export async function shownSsrc(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const report = await recording.peers.at(-1)?.getStats();
    let shown = { mid: -1, ssrc: 0 };
    report?.forEach((stats: Record<string, unknown>) => {
      if (stats['type'] !== 'inbound-rtp' || stats['kind'] !== 'video') return;
      if (stats['mid'] === 'probator' || !(Number(stats['framesDecoded']) > 0)) return;
      // Of two streams the newer one counts: a media section is never removed.
      const mid = Number(stats['mid']);
      if (mid > shown.mid) shown = { mid, ssrc: Number(stats['ssrc']) };
    });
    return shown.ssrc;
  });
}

/** Whether transport-cc is negotiated for the newest video and for the server's probes. */
export async function transportCcNegotiated(
  page: Page,
): Promise<{ video: boolean; probes: boolean }> {
  return page.evaluate(() => {
    const sdp = recording.peers.at(-1)?.remoteDescription?.sdp ?? '';
    const sections = sdp.split('\r\nm=').filter((section) => section.startsWith('video'));
    const names = (section: string | undefined) => section?.includes('transport-wide-cc') ?? false;
    const areProbes = (section: string) => section.includes('\r\na=mid:probator\r\n');
    return {
      video: names(sections.findLast((section) => !areProbes(section))),
      probes: names(sections.find(areProbes)),
    };
  });
}

/** Protocol (`udp` or `tcp`) of the path that the newest peer connection uses. */
export async function pathProtocol(page: Page): Promise<string | undefined> {
  return page.evaluate(async () => {
    const report = await recording.peers.at(-1)?.getStats();
    const all: Record<string, unknown>[] = [];
    report?.forEach((stats: Record<string, unknown>) => all.push(stats));
    const transport = all.find(({ type }) => type === 'transport');
    const pair = all.find(({ id }) => id === transport?.['selectedCandidatePairId']);
    const remote = all.find(({ id }) => id === pair?.['remoteCandidateId']);
    const protocol = remote?.['protocol'];
    return typeof protocol === 'string' ? protocol : undefined;
  });
}
