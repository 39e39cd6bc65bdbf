import { run } from '../ui/page.ts';

/** The names in older WebKit. On iPhones only the <video> itself can go full screen. */
interface WebKitElement extends HTMLElement {
  webkitRequestFullscreen?: () => void;
  webkitEnterFullscreen?: () => void;
}

/**
 * Makes `button` show `container` in full screen, with the overlay and the controls. A browser that
 * can't do that shows the bare <video>; one that can do neither gets no button.
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
  // Only a double click of a mouse toggles: two taps of a finger show and hide the controls.
  let pointer = '';
  video.addEventListener('pointerdown', (event) => {
    pointer = event.pointerType;
  });
  video.addEventListener('dblclick', () => {
    if (pointer === 'mouse') toggle();
  });
  document.addEventListener('fullscreenchange', show);
}
