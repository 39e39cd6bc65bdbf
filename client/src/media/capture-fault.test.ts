import { describe, expect, it } from 'vitest';
import { explainCaptureFault } from './capture-fault.ts';

const fine = { secureContext: true, supported: true };

describe('explainCaptureFault', () => {
  it.each([
    ['NotAllowedError', 'Permission denied', 'refused'],
    ['NotAllowedError', 'Permission denied by system', 'refused-by-system'],
    ['SecurityError', '', 'refused'],
    ['NotFoundError', 'Requested device not found', 'missing'],
    ['NotReadableError', 'Could not start video source', 'in-use'],
    ['OverconstrainedError', '', 'chosen-missing'],
    ['AbortError', 'Starting videoinput failed', 'interrupted'],
    ['TypeError', 'odd', 'other'],
  ])('%s "%s" is %s', (name, message, code) => {
    for (const kind of ['camera', 'microphone', 'screen'] as const) {
      const fault = explainCaptureFault(new DOMException(message, name), kind, fine);
      expect(fault.code).toBe(code);
      expect(fault.title).not.toBe('');
      expect(fault.advice).toMatch(/[a-z]/);
    }
  });

  it('reports an insecure address before any other reason', () => {
    const fault = explainCaptureFault(new TypeError('undefined'), 'camera', {
      secureContext: false,
      supported: false,
    });
    expect(fault.code).toBe('insecure');
    expect(fault.advice).toContain('https://');
  });

  it('explains that phones cannot share their screen', () => {
    const fault = explainCaptureFault(undefined, 'screen', {
      secureContext: true,
      supported: false,
    });
    expect(fault.code).toBe('unsupported');
    expect(fault.advice).toContain('phones');
  });

  it('names another program as the cause when the device is in use', () => {
    const error = new DOMException('Could not start video source', 'NotReadableError');
    expect(explainCaptureFault(error, 'camera', fine).advice).toContain('Another program');
  });

  it('accepts any thrown value', () => {
    for (const error of [undefined, null, 'text', 42, {}]) {
      expect(explainCaptureFault(error, 'camera', fine).code).toBe('other');
    }
  });
});
