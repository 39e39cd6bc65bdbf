/** Stats as a person reads them. A value that the browser does not report is an en dash. */
const UNKNOWN = '–';

export function formatResolution(width: number | undefined, height: number | undefined): string {
  return width === undefined || height === undefined ? UNKNOWN : `${width} × ${height}`;
}

export function formatFrameRate(framesPerSecond: number | undefined): string {
  return framesPerSecond === undefined ? UNKNOWN : `${Math.round(framesPerSecond)} fps`;
}

export function formatBitrate(kbps: number | undefined): string {
  if (kbps === undefined) return UNKNOWN;
  return kbps < 1000 ? `${Math.round(kbps)} kbit/s` : `${(kbps / 1000).toFixed(1)} Mbit/s`;
}

export function formatMilliseconds(ms: number | undefined): string {
  return ms === undefined ? UNKNOWN : `${Math.round(ms)} ms`;
}

/** `fraction` is 0 to 1. Small losses keep one decimal, so that they do not read as 0. */
export function formatLoss(fraction: number | undefined): string {
  if (fraction === undefined) return UNKNOWN;
  const percent = fraction * 100;
  return `${percent === 0 || percent >= 10 ? Math.round(percent) : percent.toFixed(1)} %`;
}

export function formatCount(count: number | undefined): string {
  return count === undefined ? UNKNOWN : grouped(count);
}

/** Duration of a broadcast: 4:05, or 1:04:05 from one hour on. */
export function formatDuration(ms: number): string {
  const total = Math.max(0, Math.floor(ms / 1000));
  const pad = (value: number) => String(value).padStart(2, '0');
  const hours = Math.floor(total / 3600);
  const minutes = Math.floor(total / 60) % 60;
  const seconds = total % 60;
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(seconds)}` : `${minutes}:${pad(seconds)}`;
}

export function formatViewers(viewers: number): string {
  return `${grouped(viewers)} watching`;
}

/**
 * 1,234,567. Not with `toLocaleString`: its first call loads the browser's locales, which takes as
 * long as making a certificate for WebRTC, and a page that joins would wait for both.
 */
function grouped(whole: number): string {
  return String(whole).replaceAll(/\B(?=(?:\d{3})+$)/g, ',');
}
