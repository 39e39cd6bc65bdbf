import { run } from '../ui/run.ts';

/** What older WebKit calls it; on iPhones only the <video> itself can go full screen. */
interface WebKitElement extends HTMLElement {
  webkitRequestFullscreen?: () => void;
  webkitEnterFullscreen?: () => void;
}

/**
 * Makes `button` take `container` to full screen, overlay and controls with it; where only the bare
 * <video> can go, that; where nothing can, the button hides.
 */
export function bindFullScreen(
  button: HTMLButtonElement,
  container: WebKitElement,
  video: WebKitElement,
): void {
  const enter = () => {
    if (typeof container.requestFullscreen === 'function') {
      run(container.requestFullscreen({ navigationUI: 'hide' }), 'full screen');
    } else if (container.webkitRequestFullscreen) container.webkitRequestFullscreen();
    else video.webkitEnterFullscreen?.();
  };
  const allowed =
    document.fullscreenEnabled ||
    container.webkitRequestFullscreen !== undefined ||
    video.webkitEnterFullscreen !== undefined;
  button.hidden = !allowed;

  const toggle = () => {
    if (document.fullscreenElement === null || document.fullscreenElement === undefined) enter();
    else run(document.exitFullscreen(), 'leaving full screen');
  };
  const show = () => {
    const on = document.fullscreenElement === container;
    button.setAttribute('aria-pressed', String(on));
  };
  button.addEventListener('click', toggle);
  // Two taps are two taps: they show and hide the controls.
  let pointer = '';
  video.addEventListener('pointerdown', (event) => {
    pointer = event.pointerType;
  });
  video.addEventListener('dblclick', () => {
    if (pointer === 'mouse') toggle();
  });
  document.addEventListener('fullscreenchange', show);
}
