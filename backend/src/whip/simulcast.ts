import type * as sdpTransform from 'sdp-transform';

type Section = Pick<sdpTransform.SessionDescription['media'][number], 'simulcast' | 'rids'>;

/**
 * The layers (RIDs) that a section of an SDP offer sends, the lowest first, as mediasoup wants them.
 * Empty without simulcast. The offer says which layer is which by `a=rid … max-width`. Without that the
 * order counts: browsers list the lowest first, OBS the highest.
 */
export function lowestFirst({ simulcast, rids = [] }: Section, userAgent: string): string[] {
  const list = simulcast?.dir1 === 'send' ? simulcast.list1 : simulcast?.list2;
  if (simulcast === undefined || list === undefined) return [];
  // Layers are separated by ";". Of alternatives for one layer (",") the first is sent; "~" is paused.
  const sent = list.split(';').map((layer) => layer.split(',')[0]!.replace(/^~/, ''));
  const widthOf = (rid: string) => {
    const params = rids.find(({ id }) => String(id) === rid)?.params ?? '';
    return Number(/(?:^|;)\s*max-width=(\d+)/.exec(params)?.[1] ?? Number.NaN);
  };
  const widths = new Map(sent.map((rid) => [rid, widthOf(rid)]));
  if ([...widths.values()].every(Number.isInteger)) {
    return sent.toSorted((a, b) => widths.get(a)! - widths.get(b)!);
  }
  return /\bobs\b/i.test(userAgent) ? sent.toReversed() : sent;
}
