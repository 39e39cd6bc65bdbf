import { describe, expect, it, vi } from 'vitest';
import { SentSources, stateOfTrack } from './sent-sources.ts';

class FakeTrack extends EventTarget {
  muted = false;
  readyState: MediaStreamTrackState = 'live';

  report(name: 'mute' | 'unmute' | 'ended'): void {
    this.muted = name === 'mute';
    if (name === 'ended') this.readyState = 'ended';
    this.dispatchEvent(new Event(name));
  }
}

const asTrack = (track: FakeTrack) => track as unknown as MediaStreamTrack;

describe('SRC-2 the states of what is sent', () => {
  it('follow the tracks', () => {
    const [camera, microphone] = [new FakeTrack(), new FakeTrack()];
    const changed = vi.fn<() => void>();
    const sources = new SentSources({ video: asTrack(camera) }, changed);
    expect(sources.states).toEqual({ video: 'on', audio: 'off' });
    camera.report('mute');
    expect(sources.states).toEqual({ video: 'muted', audio: 'off' });
    sources.tracks = { video: asTrack(camera), audio: asTrack(microphone) };
    expect(sources.states).toEqual({ video: 'muted', audio: 'on' });
    camera.report('unmute');
    microphone.report('mute');
    expect(sources.states).toEqual({ video: 'on', audio: 'muted' });
    camera.report('ended');
    expect(sources.states).toEqual({ video: 'off', audio: 'muted' });
    expect(changed).toHaveBeenCalledTimes(4);
  });

  it('no longer follow a track that was replaced, nor any after close', () => {
    const [old, next] = [new FakeTrack(), new FakeTrack()];
    const changed = vi.fn<() => void>();
    const sources = new SentSources({ video: asTrack(old) }, changed);
    sources.tracks = { video: asTrack(next) };
    old.report('ended');
    sources.close();
    next.report('mute');
    expect(changed).not.toHaveBeenCalled();
  });

  it('count a muted track that ends as off', () => {
    const track = new FakeTrack();
    track.muted = true;
    expect(stateOfTrack(asTrack(track))).toBe('muted');
    track.readyState = 'ended';
    expect(stateOfTrack(asTrack(track))).toBe('off');
    expect(stateOfTrack(undefined)).toBe('off');
  });
});
