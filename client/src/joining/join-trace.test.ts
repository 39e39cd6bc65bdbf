import { signal } from '@preact/signals-core';
import { describe, expect, it, vi } from 'vitest';
import { JOIN_STEPS, JOIN_TRACE_MAX_MS } from '#protocol/join-trace.ts';
import { JoinTracer, reportJoin, spansOf } from './join-trace.ts';

function tracer(begin = 1_000) {
  let now = begin;
  const trace = new JoinTracer(() => now);
  return {
    trace,
    at: (ms: number) => {
      now = begin + ms;
      return trace;
    },
  };
}

describe('JOIN-5 the trace of a join', () => {
  it('counts from the start of the script and is complete with the first frame', () => {
    const { trace, at } = tracer();
    at(20).requested('ahead');
    JOIN_STEPS.slice(1, -1).forEach((step, i) => at(30 + 10 * i).reached(step));
    expect(trace.trace.value).toBeUndefined();
    at(140.04).reached('frame');
    expect(trace.trace.value).toEqual({
      way: 'ahead',
      steps: { asked: 20, answered: 30, 'set-up': 40, ice: 50, dtls: 60, packet: 70, frame: 140 },
    });
  });

  it('records the first time of each step; one that is reported after the first frame was reached by then', () => {
    const { trace, at } = tracer();
    at(1).requested('ahead');
    at(2).reached('answered');
    at(3).reached('set-up');
    at(9).reached('answered');
    at(10).reached('frame');
    at(11).reached('dtls');
    at(12).reached('frame');
    at(900).reached('ice');
    expect(trace.trace.value?.steps).toEqual({
      asked: 1,
      answered: 2,
      'set-up': 3,
      dtls: 10,
      frame: 10,
    });
  });

  it('ends with the next join, and where it is abandoned', () => {
    const { trace, at } = tracer();
    at(1).requested('ahead');
    at(2).reached('answered');
    at(3).reached('set-up');
    at(10).reached('frame');
    const { value } = trace.trace;
    at(500).requested('socket');
    at(510).reached('dtls');
    expect(trace.trace.value).toEqual(value);
  });

  it('counts the time of a failed attempt, and not its steps', () => {
    const { trace, at } = tracer();
    at(5).requested('ahead');
    at(50).reached('answered');
    at(400).requested('socket');
    at(450).reached('answered');
    at(460).reached('set-up');
    at(700).reached('frame');
    expect(trace.trace.value).toEqual({
      way: 'socket',
      steps: { asked: 400, answered: 450, 'set-up': 460, frame: 700 },
    });
  });

  it.each<[string, (at: ReturnType<typeof tracer>['at']) => void]>([
    ['there was no broadcast', (at) => at(6).abandon()],
    ['the first frame took too long', (at) => at(JOIN_TRACE_MAX_MS + 1)],
    ['a step is missing that every join has', (at) => at(6).requested('socket')],
  ])('there is no trace where %s', (_why, happens) => {
    const { trace, at } = tracer();
    at(1).requested('ahead');
    at(2).reached('answered');
    at(3).reached('set-up');
    happens(at);
    trace.reached('frame');
    expect(trace.trace.value).toBeUndefined();
  });

  it('is shown end to end, in the order in which steps were reached', () => {
    const steps = { asked: 20, answered: 70, 'set-up': 90, dtls: 200, packet: 190, frame: 240 };
    expect(spansOf({ way: 'ahead', steps })).toEqual([
      { step: 'asked', fromMs: 0, toMs: 20 },
      { step: 'answered', fromMs: 20, toMs: 70 },
      { step: 'set-up', fromMs: 70, toMs: 90 },
      { step: 'packet', fromMs: 90, toMs: 190 },
      { step: 'dtls', fromMs: 190, toMs: 200 },
      { step: 'frame', fromMs: 200, toMs: 240 },
    ]);
  });
});

describe('JOIN-5 the report of a join', () => {
  it('is sent once, with the steps that came late, and not by a page that was closed', async () => {
    vi.useFakeTimers();
    vi.stubGlobal('document', Object.assign(new EventTarget(), { visibilityState: 'visible' }));
    const run = (closesAt: number) => {
      const { trace, at } = tracer();
      const closing = new AbortController();
      const reports: unknown[] = [];
      const live = signal(false);
      reportJoin(trace, live, async ({ steps }) => reports.push(steps), closing.signal);
      at(1).requested('ahead');
      at(2).reached('answered');
      at(3).reached('set-up');
      at(10).reached('frame');
      live.value = true;
      vi.advanceTimersByTime(100);
      at(110).reached('dtls');
      vi.advanceTimersByTime(closesAt);
      closing.abort();
      vi.advanceTimersByTime(5_000);
      return reports;
    };
    expect(run(1_000)).toEqual([{ asked: 1, answered: 2, 'set-up': 3, dtls: 10, frame: 10 }]);
    expect(run(100)).toEqual([]);
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });
});
