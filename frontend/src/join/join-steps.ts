import { effect, type ReadonlySignal } from '@preact/signals-core';
import { spansOf, type JoinSpan } from '#client/joining/join-trace.ts';
import type { JoinStep, JoinTrace } from '#protocol/join-trace.ts';
import { find, make, setText } from '../ui/elements.ts';
import { formatMilliseconds } from '../ui/format.ts';

const SVG = 'http://www.w3.org/2000/svg';

const STEPS: Record<JoinStep, string> = {
  asked: 'Page ready to ask',
  answered: 'Answer of the server',
  'set-up': 'Receiver set up',
  ice: 'Path found',
  dtls: 'Encryption agreed',
  packet: 'First packet',
  frame: 'First frame',
};

/** Shows how long joining took: for each step its time, and a bar for its place in the whole join. */
export function bindJoinSteps(trace: ReadonlySignal<JoinTrace | undefined>): void {
  const list = find('#join-steps', HTMLDListElement);
  const total = find('#join-total', HTMLElement);
  effect(() => {
    const now = trace.value;
    setText(total, now ? formatMilliseconds(now.steps.frame) : '–');
    list.hidden = now === undefined;
    if (!now) return;
    const spans = spansOf(now);
    list.replaceChildren(...spans.map((span) => row(span, spans.at(-1)?.toMs ?? 0)));
  });
}

function row(span: JoinSpan, wholeMs: number): HTMLElement {
  const { step, fromMs, toMs } = span;
  const element = make('div');
  element.dataset.step = step;
  element.append(
    make('dt', { text: STEPS[step] }),
    make('dd', { text: formatMilliseconds(toMs - fromMs) }),
    barCell(bar(span, wholeMs)),
  );
  return element;
}

/** Hidden from screen readers: the bar repeats the time in the cell before it. */
function barCell(image: SVGSVGElement): HTMLElement {
  const cell = make('dd');
  cell.ariaHidden = 'true';
  cell.append(image);
  return cell;
}

function bar({ fromMs, toMs }: JoinSpan, wholeMs: number): SVGSVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 100 1');
  svg.setAttribute('preserveAspectRatio', 'none');
  const percent = (ms: number) => (wholeMs > 0 ? (ms / wholeMs) * 100 : 0);
  const [x, width] = [percent(fromMs), percent(toMs - fromMs)];
  for (const [name, from, wide] of [
    ['join-track', 0, 100],
    ['join-bar', x, width],
  ] as const) {
    const rect = document.createElementNS(SVG, 'rect');
    rect.setAttribute('class', name);
    rect.setAttribute('x', String(from));
    rect.setAttribute('width', String(wide));
    rect.setAttribute('height', '1');
    svg.append(rect);
  }
  return svg;
}
