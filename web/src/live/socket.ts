/**
 * The live connection: always one, reconnected when lost. Its listener receives every frame, and the connection's state.
 *
 * A lost connection is retried at once, then ever more slowly up to `CAP_MS`, at random moments so that the clients of a
 * restarted server do not all return together. Becoming online, or visible again, ends the waiting.
 *
 * A connection can be dead without a close event: one that is silent for `SILENT_MS` is replaced. That is not shown, for
 * there may just be no news: the old one counts until the new one speaks, and is lost only if that does not come.
 */
import { post } from '../api/client';
import { ApiError } from '../api/errors';

export type Connection =
  | { readonly state: 'connecting' | 'open' | 'offline' | 'closed' }
  | { readonly state: 'waiting'; readonly until: number };

const BASE_MS = 500;
const CAP_MS = 15_000;
/** Limit from the handshake to the first document, after which a connection is given up; from the ticket on for a replacement. */
const FIRST_FRAME_MS = 10_000;
/** What is traded has a price about once a second. */
const SILENT_MS = 30_000;

export interface LiveListener {
  frame(text: string): void;
  connection(connection: Connection): void;
}

export class LiveSocket {
  /** The connection that has spoken. */
  #socket: WebSocket | null = null;
  /** The one that has not yet. */
  #next: WebSocket | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #attempt = 0;
  #generation = 0;
  #heardAt = 0;
  #lost = false;

  constructor(
    private readonly listener: LiveListener,
    private readonly random: () => number = Math.random,
  ) {}

  open(): void {
    addEventListener('online', this.#hurry);
    document.addEventListener('visibilitychange', this.#hurry);
    this.#lost = false;
    this.#connect();
  }

  close(): void {
    removeEventListener('online', this.#hurry);
    document.removeEventListener('visibilitychange', this.#hurry);
    this.#drop();
    this.listener.connection({ state: 'closed' });
  }

  #hurry = (): void => {
    if (document.visibilityState !== 'visible') return;
    if (this.#socket !== null) {
      if (Date.now() - this.#heardAt >= SILENT_MS) this.#renew();
    } else if (this.#next === null) {
      this.#attempt = 0;
      this.#connect();
    }
  };

  #connect(): void {
    this.#drop();
    this.listener.connection({ state: this.#lost && !navigator.onLine ? 'offline' : 'connecting' });
    void this.#dial();
  }

  #renew(): void {
    this.#abandon();
    this.#timer = setTimeout(() => this.#later(), FIRST_FRAME_MS);
    void this.#dial();
  }

  async #dial(): Promise<void> {
    const generation = this.#generation;
    try {
      const { subprotocol } = await post('/v2/user/profile/ws-ticket');
      if (generation === this.#generation) this.#listen(subprotocol);
    } catch (error) {
      if (generation !== this.#generation) return;
      // The session has ended: it has published that already, and its page closes this.
      if (error instanceof ApiError && error.status === 401) this.close();
      else this.#later();
    }
  }

  #listen(subprotocol: string): void {
    const url = new URL('/v2/user/profile/ws?detail=full', location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    const socket = new WebSocket(url, ['crypto-service.v1', subprotocol]);
    this.#next = socket;
    if (this.#socket === null) this.#timer = setTimeout(() => this.#later(), FIRST_FRAME_MS);
    socket.onmessage = (event: MessageEvent<string>) => this.#hear(socket, event.data);
    // Any reason is retried: the next request for a ticket shows whether this user may come back.
    socket.onclose = () => this.#later();
  }

  #hear(socket: WebSocket, text: string): void {
    if (socket === this.#next) this.#adopt(socket);
    else this.#abandon(); // it speaks again: no other is needed
    this.#heardAt = Date.now();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#renew(), SILENT_MS);
    this.listener.frame(text);
  }

  #adopt(socket: WebSocket): void {
    const before = this.#socket;
    this.#socket = socket;
    this.#next = null;
    this.#attempt = -1; // the next loss is tried again at once
    this.#lost = false;
    if (before === null) this.listener.connection({ state: 'open' });
    else discard(before);
  }

  #later(): void {
    this.#drop();
    this.#lost = true;
    this.#attempt += 1;
    const delay = delayMs(this.#attempt, this.random);
    // Whether this device has a network is shown as the cause, but never prevents a retry: the server may be on this device.
    this.listener.connection(navigator.onLine ? { state: 'waiting', until: Date.now() + delay } : { state: 'offline' });
    this.#timer = setTimeout(() => this.#connect(), delay);
  }

  #drop(): void {
    this.#abandon();
    if (this.#socket !== null) discard(this.#socket);
    this.#socket = null;
  }

  /** Give up the attempt that is on its way. */
  #abandon(): void {
    this.#generation += 1;
    clearTimeout(this.#timer);
    if (this.#next !== null) discard(this.#next);
    this.#next = null;
  }
}

function discard(socket: WebSocket): void {
  socket.onmessage = socket.onclose = null;
  socket.close();
}

/** How long to wait before the attempt: half of an exponential bound for sure, the other half by chance. */
export function delayMs(attempt: number, random: () => number): number {
  const bound = Math.min(CAP_MS, BASE_MS * 2 ** Math.min(attempt, 10));
  return bound / 2 + (bound / 2) * random();
}
