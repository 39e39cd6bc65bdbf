/** What a peer connection's stats show of a path that does not come up. */
export interface PathObservation {
  /** Addresses of its own that the browser offers. */
  readonly localCandidates: number;
  /** Ways from one of these to one of the server's addresses that the browser tries. */
  readonly pairs: number;
  /** Rises when anything arrives: answers to connectivity checks, and bytes. */
  readonly arrived: number;
  /** Undefined where the browser does not report it. */
  readonly dtlsUp: boolean | undefined;
}

/** Undefined without a report. The browser is not trusted: each field may be missing or of another type. */
export function observePath(report: RTCStatsReport | undefined): PathObservation | undefined {
  if (!report) return undefined;
  let localCandidates = 0;
  let pairs = 0;
  let arrived = 0;
  let dtlsUp: boolean | undefined;
  report.forEach((entry: Readonly<Record<string, unknown>>) => {
    switch (entry['type']) {
      case 'local-candidate':
        localCandidates += 1;
        break;
      case 'candidate-pair':
        pairs += 1;
        arrived += countOf(entry['responsesReceived']) + countOf(entry['bytesReceived']);
        // Firefox does not count responses.
        if (entry['state'] === 'succeeded') arrived += 1;
        break;
      case 'transport':
        if (entry['dtlsState'] !== undefined) dtlsUp = entry['dtlsState'] === 'connected';
        break;
    }
  });
  return { localCandidates, pairs, arrived, dtlsUp };
}

function countOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
