import { describe, expect, it } from 'vitest';
import { JOIN_STEPS, JOIN_TRACE_MAX_MS } from '#protocol/join-trace.ts';
import { JoinTracer, spansOf } from './join-trace.ts';

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

  it('records the first time of each step, and nothing after the first frame', () => {
    const { trace, at } = tracer();
    at(1).requested('ahead');
    at(2).reached('answered');
    at(3).reached('set-up');
    at(9).reached('answered');
    at(10).reached('frame');
    at(11).reached('dtls');
    at(12).reached('frame');
    expect(trace.trace.value?.steps).toEqual({ asked: 1, answered: 2, 'set-up': 3, frame: 10 });
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
