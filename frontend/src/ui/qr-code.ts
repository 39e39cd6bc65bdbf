import { encode } from 'uqr';

const SVG = 'http://www.w3.org/2000/svg';

/** Shows a link as a QR code in `element`, for a phone's camera. */
export function showQrCode(element: HTMLElement, link: string): void {
  const { size, data } = encode(link, { border: 2 });
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', `0 0 ${size} ${size}`);
  svg.setAttribute('shape-rendering', 'crispEdges');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', qrPath(data));
  path.setAttribute('fill', 'currentColor');
  svg.append(path);
  element.setAttribute('role', 'img');
  element.setAttribute('aria-label', `QR code of the link ${link}`);
  element.replaceChildren(svg);
}

/** An SVG path that fills the dark modules; neighbours in a row become one bar. */
export function qrPath(rows: readonly (readonly boolean[])[]): string {
  let path = '';
  for (const [y, row] of rows.entries()) {
    let x = 0;
    while (x < row.length) {
      const start = x;
      while (row[x] === true) x += 1;
      if (x > start) path += `M${start} ${y}h${x - start}v1h${start - x}z`;
      x += 1;
    }
  }
  return path;
}
