/** Janus's protocol over a WebSocket: transactions, handles, and events that follow an ack. */
import { once } from 'node:events';

export interface Jsep {
  readonly type: 'offer' | 'answer';
  readonly sdp: string;
}

interface Message {
  readonly janus: string;
  readonly transaction?: string;
  readonly data?: { readonly id: number };
  readonly error?: { readonly reason: string };
  readonly plugindata?: { readonly data: { readonly error?: string } };
  readonly jsep?: Jsep;
}

const ANSWER_DEADLINE_MS = 20_000;
/** Janus deletes a session that sends nothing for 60 s. */
const KEEP_ALIVE_MS = 20_000;

export class JanusApi {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<string, (message: Message) => void>();
  readonly #keepAlive: NodeJS.Timeout;
  #session = 0;
  #transactions = 0;

  static async open(url: string): Promise<JanusApi> {
    const socket = new WebSocket(url, 'janus-protocol');
    await once(socket, 'open', { signal: AbortSignal.timeout(1_000) });
    const api = new JanusApi(socket);
    const { data } = await api.#request({ janus: 'create' });
    api.#session = data?.id ?? 0;
    return api;
  }

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      const message = JSON.parse(String(data)) as Message;
      // The plugin's answer follows as an event.
      if (message.janus === 'ack' || message.transaction === undefined) return;
      this.#waiting.get(message.transaction)?.(message);
    });
    this.#keepAlive = setInterval(
      () => this.#send({ janus: 'keepalive' }, 'keepalive'),
      KEEP_ALIVE_MS,
    );
  }

  /** @returns the handle's id */
  async attach(plugin: string): Promise<number> {
    const { data } = await this.#request({ janus: 'attach', plugin });
    if (!data) throw new Error(`${plugin} gives no handle`);
    return data.id;
  }

  /** @throws if the plugin refuses */
  async message(handle: number, body: object, jsep?: Jsep): Promise<{ jsep: Jsep | undefined }> {
    const answer = await this.#request({
      janus: 'message',
      handle_id: handle,
      body,
      ...(jsep && { jsep }),
    });
    const refused = answer.plugindata?.data.error;
    if (refused !== undefined) throw new Error(`Janus: ${refused}`);
    return { jsep: answer.jsep };
  }

  close(): void {
    clearInterval(this.#keepAlive);
    this.#socket.close();
  }

  #request(body: object): Promise<Message> {
    this.#transactions += 1;
    const transaction = `t${this.#transactions}`;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.#waiting.delete(transaction);
        reject(new Error('Janus does not answer'));
      }, ANSWER_DEADLINE_MS);
      this.#waiting.set(transaction, (message) => {
        clearTimeout(late);
        this.#waiting.delete(transaction);
        if (message.error) reject(new Error(`Janus: ${message.error.reason}`));
        else resolve(message);
      });
      this.#send(body, transaction);
    });
  }

  #send(request: object, transaction: string): void {
    const session = this.#session ? { session_id: this.#session } : {};
    this.#socket.send(JSON.stringify({ ...request, ...session, transaction }));
  }
}
