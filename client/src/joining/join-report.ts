import { effect } from '@preact/signals-core';
import type { JoinTracer } from './join-trace.ts';
import type { Link } from '../connection/link.ts';

/** Ends the trace where it would mislead, and tells the server of it once it is there. */
export function followJoin(
  tracer: JoinTracer,
  link: Pick<Link, 'state' | 'signalling'>,
  closed: AbortSignal,
): void {
  // Frames are not shown to a page that nobody looks at.
  if (document.visibilityState !== 'visible') tracer.abandon();
  const turned = () => tracer.abandon();
  document.addEventListener('visibilitychange', turned, { once: true, signal: closed });
  let told = false;
  const end = effect(() => {
    const trace = tracer.trace.value;
    if (told || !trace || link.state.value.phase !== 'live') return;
    told = true;
    // Whether it is counted is no matter of this page's.
    link.signalling.request('report', { join: trace }).catch(() => undefined);
  });
  closed.addEventListener('abort', end, { once: true });
}
