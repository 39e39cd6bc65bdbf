/** The kind of device that the page tried to open. */
export type CaptureKind = 'camera' | 'microphone' | 'screen';

/** Why capture failed, for a person: what is wrong, and what the person can do about it. */
export interface CaptureFault {
  readonly code:
    | 'insecure'
    | 'unsupported'
    | 'refused'
    | 'refused-by-system'
    | 'missing'
    | 'in-use'
    | 'chosen-missing'
    | 'interrupted'
    | 'other';
  readonly title: string;
  readonly advice: string;
}

/** Conditions that explain an error better than the error itself. */
export interface CaptureContext {
  /** `isSecureContext`: without it browsers give no access to devices. */
  readonly secureContext: boolean;
  /** Whether the browser has getUserMedia or getDisplayMedia at all. */
  readonly supported: boolean;
}

const NAMES: Record<CaptureKind, string> = {
  camera: 'camera',
  microphone: 'microphone',
  screen: 'screen',
};

/** Explains what getUserMedia or getDisplayMedia threw; `error` may be anything. */
export function explainCaptureFault(
  error: unknown,
  kind: CaptureKind,
  context: CaptureContext,
): CaptureFault {
  const name = NAMES[kind];
  if (!context.secureContext) {
    return {
      code: 'insecure',
      title: `The browser keeps the ${name} from this address`,
      advice: `Browsers give the ${name} only to pages opened over https://, or on the same computer as http://localhost. Open this page that way.`,
    };
  }
  if (!context.supported) {
    return {
      code: 'unsupported',
      title: `This browser cannot open the ${name}`,
      advice:
        kind === 'screen'
          ? 'Sharing the screen works in current browsers on a computer, not on phones.'
          : 'Use a current Chrome, Edge, Firefox or Safari.',
    };
  }
  switch (errorName(error)) {
    case 'NotAllowedError':
    case 'SecurityError':
      return refused(error, kind);
    case 'NotFoundError':
      return kind === 'screen'
        ? { code: 'missing', title: 'There is nothing to share', advice: 'Open a window first.' }
        : {
            code: 'missing',
            title: `No ${name} was found`,
            advice: `Plug one in, or turn it on; it appears here automatically.`,
          };
    case 'NotReadableError':
      return {
        code: 'in-use',
        title: `The ${name} does not start`,
        advice:
          kind === 'screen'
            ? 'The system refused to hand it over. Choose another window or screen.'
            : `Another program is likely using it. Close that program, or choose another ${name}.`,
      };
    case 'OverconstrainedError':
      return {
        code: 'chosen-missing',
        title: `The chosen ${name} is not there`,
        advice: `Plug it in again, or choose another ${name}.`,
      };
    case 'AbortError':
      return {
        code: 'interrupted',
        title: `The ${name} stopped while it was starting`,
        advice: 'Try again. If it goes on, unplug it and plug it in again.',
      };
    default:
      return {
        code: 'other',
        title: `The ${name} cannot be opened`,
        advice: `Try again, or choose another ${name}. The browser says: ${messageOf(error)}`,
      };
  }
}

function refused(error: unknown, kind: CaptureKind): CaptureFault {
  if (/system/i.test(messageOf(error))) {
    return {
      code: 'refused-by-system',
      title: `The system keeps the ${NAMES[kind]} from this browser`,
      advice: `Allow it for this browser in the system’s privacy settings, then try again.`,
    };
  }
  if (kind === 'screen') {
    return {
      code: 'refused',
      title: 'The screen was not shared',
      advice: 'Choose “Share screen” again, then a window or a screen.',
    };
  }
  return {
    code: 'refused',
    title: `This page may not use the ${NAMES[kind]}`,
    advice: `Allow the ${NAMES[kind]} for this page, with the icon next to the address, then try again.`,
  };
}

function errorName(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

function messageOf(error: unknown): string {
  return error instanceof Error && error.message !== '' ? error.message : errorName(error);
}
