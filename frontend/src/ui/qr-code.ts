import { encode } from 'uqr';
import { squares } from './qr-path.ts';

const SVG = 'http://www.w3.org/2000/svg';

/** A link as a QR code to point a phone at. */
export class QrCode extends HTMLElement {
  set value(text: string) {
    const { size, data } = encode(text, { border: 2 });
    const svg = document.createElementNS(SVG, 'svg');
    svg.setAttribute('viewBox', `0 0 ${size} ${size}`);
    svg.setAttribute('shape-rendering', 'crispEdges');
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('d', squares(data));
    path.setAttribute('fill', 'currentColor');
    svg.append(path);
    this.setAttribute('role', 'img');
    this.setAttribute('aria-label', `QR code of the link ${text}`);
    this.replaceChildren(svg);
  }
}
