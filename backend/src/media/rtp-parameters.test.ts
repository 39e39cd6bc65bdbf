import { getSupportedRtpCapabilities } from 'mediasoup';
import { describe, expect, it } from 'vitest';
import { HEADER_EXTENSIONS } from '#config/media.ts';
import { offeredCapabilities, rtpCapabilitiesOf, rtpParametersOf } from './rtp-parameters.ts';

const ORIENTATION = 'urn:3gpp:video-orientation';
const uris = (extensions: readonly { readonly uri: string }[] = []) =>
  extensions.map(({ uri }) => uri);

describe('MEDIA-6 header extensions', () => {
  it('pages are offered those of a list, each of which mediasoup knows', () => {
    const supported = uris(getSupportedRtpCapabilities().headerExtensions);
    const { headerExtensions = [] } = getSupportedRtpCapabilities();
    const offered = uris(offeredCapabilities({ headerExtensions }).headerExtensions);
    expect(supported).toContain(ORIENTATION);
    expect(new Set(offered)).toEqual(HEADER_EXTENSIONS);
    expect(offered).not.toContain(ORIENTATION);
  });

  it('a page that negotiated another one all the same is treated as if it had not', () => {
    const [codecs, encodings] = [[], []];
    const headerExtensions = [
      { uri: ORIENTATION, id: 4 },
      { uri: 'urn:ietf:params:rtp-hdrext:sdes:mid', id: 1 },
    ];
    const sent = rtpParametersOf({ codecs, encodings, headerExtensions } as unknown as Parameters<
      typeof rtpParametersOf
    >[0]);
    expect(uris(sent.headerExtensions)).toEqual(['urn:ietf:params:rtp-hdrext:sdes:mid']);
    const received = rtpCapabilitiesOf({
      codecs,
      headerExtensions: [{ kind: 'video', uri: ORIENTATION, preferredId: 4 }],
    } as unknown as Parameters<typeof rtpCapabilitiesOf>[0]);
    expect(received.headerExtensions).toEqual([]);
  });
});
