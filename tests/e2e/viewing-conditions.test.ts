/** Browsers that play nothing untouched, a system's own colours, and large zoom. */
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { goLive } from '#testkit/browser/browser.ts';
import { sharedSite } from '#testkit/browser/shared-site.ts';
import { waitForFrames, waitForStatus } from '#testkit/browser/shown-video.ts';

const ROOM = 'conditions';

describe('viewing conditions', () => {
  const site = sharedSite();
  let publisher: Page;

  beforeAll(async () => {
    publisher = (await site.open(`/publish/${ROOM}`)).page;
    await publisher.selectOption('#overlay-source', 'demo');
    await goLive(publisher);
  });

  test.each(['join', 'embed'])(
    'UI-7 a browser that plays nothing untouched shows one button and nothing else: %s',
    async (path) => {
      const context = await site.browser.newContext();
      await context.addInitScript(refuseUntouched);
      const { page } = await site.open(`/${path}/${ROOM}`, context);
      await waitForStatus(page, 'live');
      await page.waitForSelector('.player[data-blocked]');
      expect(await visibleWords(page)).toEqual(['Tap to watch']);
      expect(await page.title()).toContain('Tap to watch');
      expect(await page.isVisible('#overlay')).toBe(false);
      // Anywhere, not only on the button.
      await page.mouse.click(30, 30);
      await waitForFrames(page, 10);
      expect(await page.isVisible('#watch')).toBe(false);
      expect(await page.isVisible('#overlay')).toBe(true);
      await context.close();
    },
  );

  test('UI-8 in a system’s own colours a switch shows its state, and the status has a shape', async () => {
    const context = await site.browser.newContext({ forcedColors: 'active' });
    const { page } = await site.open(`/publish/${ROOM}-colours`, context);
    const off = await colourShares(page, '#microphone');
    await page.click('#microphone');
    await expect.poll(() => page.isChecked('#microphone')).toBe(true);
    // The colours of the switch change over some frames.
    const most = async () => (await colourShares(page, '#microphone'))[0]?.colour;
    await expect.poll(most, { timeout: 10_000 }).not.toBe(off[0]?.colour);
    const on = await colourShares(page, '#microphone');
    // Track and knob: each fills a good part of the switch, and the track’s colour is another one.
    for (const shares of [off, on]) {
      expect(shares.length).toBeGreaterThanOrEqual(2);
      expect(shares[1]?.share).toBeGreaterThan(0.15);
    }
    const shapes = new Set<string>();
    for (const tone of ['idle', 'busy', 'live', 'trouble']) {
      await page.evaluate((each) => {
        const pill = document.querySelector<HTMLElement>('#status');
        if (pill) pill.dataset['tone'] = each;
      }, tone);
      const style = await page.evaluate(() => {
        const pill = document.querySelector('#status');
        if (!pill) return [];
        const { clipPath, borderTopWidth } = getComputedStyle(pill, '::before');
        return [clipPath, borderTopWidth];
      });
      shapes.add(style.join());
    }
    expect(shapes.size).toBe(4);
    await context.close();
  });

  test('UI-9 at 400 % zoom no button is squeezed and no page is wider than the window', async () => {
    // A window of 1280x800.
    const viewport = { width: 320, height: 200 };
    const context = await site.browser.newContext({ viewport, deviceScaleFactor: 4 });
    const faults: string[] = [];
    for (const path of ['/', `/publish/${ROOM}-zoom`, `/join/${ROOM}-zoom`, `/join/${ROOM}`]) {
      const { page } = await site.open(path, context);
      if (path === `/join/${ROOM}`) {
        await waitForStatus(page, 'live');
        await page.click('#stats-toggle');
      } else if (path.startsWith('/publish')) {
        await page.click('#ingest summary');
      }
      faults.push(...(await page.evaluate(squeezed)).map((fault) => `${path}: ${fault}`));
    }
    await publisher.setViewportSize(viewport);
    faults.push(...(await publisher.evaluate(squeezed)));
    expect(faults).toEqual([]);
    await context.close();
  });
});

/** Like an iPhone in low power mode: even muted video waits for a touch. */
function refuseUntouched(): void {
  let touched = false;
  addEventListener('pointerdown', () => (touched = true), true);
  const play: unknown = Reflect.get(HTMLMediaElement.prototype, 'play');
  HTMLMediaElement.prototype.play = async function () {
    if (touched && typeof play === 'function') return void (await Reflect.apply(play, this, []));
    throw new DOMException('The request is not allowed', 'NotAllowedError');
  };
  for (const type of ['play', 'playing']) {
    addEventListener(
      type,
      (event) => {
        if (touched) return;
        event.stopImmediatePropagation();
        if (event.target instanceof HTMLMediaElement) event.target.pause();
      },
      true,
    );
  }
}

/** Every text that can be seen. */
async function visibleWords(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const words: string[] = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const text = node.textContent?.trim() ?? '';
      const element = node.parentElement;
      if (text === '' || !element) continue;
      const { clipPath } = getComputedStyle(element);
      const isShown = element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
      if (isShown && clipPath === 'none') words.push(text);
    }
    return words;
  });
}

/** The colours of an element as it is painted, the most frequent first. */
async function colourShares(page: Page, selector: string) {
  const png = (await page.locator(selector).screenshot({ animations: 'disabled' })).toString(
    'base64',
  );
  const reader = await page.context().newPage();
  const shares = await reader.evaluate(async (source) => {
    const image = new Image();
    image.src = `data:image/png;base64,${source}`;
    await image.decode();
    const context = new OffscreenCanvas(image.width, image.height).getContext('2d');
    if (!context) throw new Error('no canvas');
    context.drawImage(image, 0, 0);
    const counts = new Map<string, number>();
    const { data } = context.getImageData(0, 0, image.width, image.height);
    for (let i = 0; i < data.length; i += 4) {
      const colour = data.subarray(i, i + 3).join();
      counts.set(colour, (counts.get(colour) ?? 0) + 4 / data.length);
    }
    return [...counts]
      .map(([colour, share]) => ({ colour, share }))
      .sort((a, b) => b.share - a.share);
  }, png);
  await reader.close();
  return shares;
}

/** Buttons and fields that lack room for their words, a touch or the window. */
function squeezed(): string[] {
  const { clientWidth, scrollWidth } = document.documentElement;
  const faults = scrollWidth > clientWidth ? [`page ${scrollWidth} px wide`] : [];
  for (const element of document.querySelectorAll<HTMLElement>('button, .button, select, input')) {
    if (!element.checkVisibility({ visibilityProperty: true })) continue;
    const { width, height, left, right } = element.getBoundingClientRect();
    const name = element.id || element.textContent?.trim();
    const isSwitch = element.getAttribute('type') === 'checkbox';
    if (!isSwitch && (width < 43 || height < 43)) faults.push(`${name}: ${width}x${height}`);
    if (left < 0 || right > clientWidth + 1) faults.push(`${name}: from ${left} to ${right}`);
    const isText = element instanceof HTMLInputElement || element instanceof HTMLSelectElement;
    if (!isText && element.scrollWidth > element.clientWidth + 1) faults.push(`${name}: cut`);
  }
  return faults;
}
