/**
 * A browser with real tabs: one is visible, the others are hidden and can be frozen. Playwright
 * keeps every page visible, and browsers freeze only hidden pages; so this class uses the DevTools
 * protocol directly.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { colourCameraFile } from '../media/cameras.ts';
import { cameraFlag, CHROMIUM_FLAGS } from './browser.ts';

/** Flags that would keep hidden tabs from behaving as they do for a person. */
const WITHOUT = [
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
];

interface Reply {
  readonly id?: number;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

export class TabbedBrowser {
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #messages = 0;

  static async launch(): Promise<TabbedBrowser> {
    const folder = mkdtempSync(join(tmpdir(), 'onecast-tabs-'));
    const child = spawn(
      process.env['CHROMIUM_PATH'] ?? 'chromium',
      [
        '--headless=new',
        ...CHROMIUM_FLAGS.filter((flag) => !WITHOUT.includes(flag)),
        cameraFlag(colourCameraFile()),
        '--remote-debugging-port=0',
        `--user-data-dir=${folder}`,
        'about:blank',
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let printed = '';
    const url = await new Promise<string>((resolve, reject) => {
      child.stderr.on('data', (data: Buffer) => {
        printed += data.toString();
        const found = /DevTools listening on (ws:\S+)/.exec(printed)?.[1];
        if (found) resolve(found);
      });
      child.once('exit', () => reject(new Error(`Chromium exited:\n${printed}`)));
    });
    const socket = new WebSocket(url);
    await once(socket, 'open');
    return new TabbedBrowser(child, folder, socket);
  }

  private constructor(child: ChildProcess, folder: string, socket: WebSocket) {
    this.#process = child;
    this.#folder = folder;
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      const reply = JSON.parse(String(data)) as Reply;
      if (reply.id !== undefined) this.#waiting.get(reply.id)?.(reply);
    });
  }

  async open(url: string): Promise<Tab> {
    const { targetId } = await this.send('Target.createTarget', { url });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    return new Tab(this, String(targetId), String(sessionId));
  }

  async send(method: string, params: object, sessionId?: string): Promise<Record<string, unknown>> {
    const id = (this.#messages += 1);
    const reply = new Promise<Reply>((resolve) => this.#waiting.set(id, resolve));
    this.#socket.send(JSON.stringify({ id, method, params, sessionId }));
    const { result, error } = await reply;
    this.#waiting.delete(id);
    if (error) throw new Error(`${method}: ${error.message}`);
    return result ?? {};
  }

  async close(): Promise<void> {
    const exited = once(this.#process, 'exit');
    this.#process.kill();
    await exited;
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

export class Tab {
  readonly #browser: TabbedBrowser;
  readonly #targetId: string;
  readonly #sessionId: string;

  constructor(browser: TabbedBrowser, targetId: string, sessionId: string) {
    this.#browser = browser;
    this.#targetId = targetId;
    this.#sessionId = sessionId;
  }

  /** Makes this tab visible and hides the one that was. */
  async show(): Promise<void> {
    await this.#browser.send('Target.activateTarget', { targetId: this.#targetId });
  }

  async freeze(): Promise<void> {
    await this.#lifecycle('frozen');
  }

  async thaw(): Promise<void> {
    await this.#lifecycle('active');
  }

  async evaluate<T>(expression: string): Promise<T> {
    const params = { expression, returnByValue: true, awaitPromise: true };
    const { result } = await this.#browser.send('Runtime.evaluate', params, this.#sessionId);
    return (result as { value: T }).value;
  }

  async #lifecycle(state: 'frozen' | 'active'): Promise<void> {
    await this.#browser.send('Page.setWebLifecycleState', { state }, this.#sessionId);
  }
}
