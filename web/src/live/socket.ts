/**
 * The live connection: always one, always coming back. Whoever uses it gets every frame, and what state the connection is in.
 *
 * A lost connection is tried again at once, then ever more slowly up to `CAP_MS`, at random moments so that a restarted
 * server does not meet everybody together. Becoming online, or visible again, ends the waiting.
 */
import { post } from '../api/client';
import { ApiError } from '../api/errors';

export type Connection =
  | { readonly state: 'connecting' | 'open' | 'offline' | 'closed' }
  | { readonly state: 'waiting'; readonly until: number };

const BASE_MS = 500;
const CAP_MS = 15_000;
/** A connection that says nothing from its handshake to its first document is given up. */
const FIRST_FRAME_MS = 10_000;

export interface LiveListener {
  frame(text: string): void;
  connection(connection: Connection): void;
}

export class LiveSocket {
  #socket: WebSocket | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #attempt = 0;
  #generation = 0;

  constructor(
    private readonly listener: LiveListener,
    private readonly random: () => number = Math.random,
  ) {}

  open(): void {
    addEventListener('online', this.#hurry);
    addEventListener('offline', this.#hurry);
    document.addEventListener('visibilitychange', this.#hurry);
    void this.#connect();
  }

  close(): void {
    removeEventListener('online', this.#hurry);
    removeEventListener('offline', this.#hurry);
    document.removeEventListener('visibilitychange', this.#hurry);
    this.#drop();
    this.listener.connection({ state: 'closed' });
  }

  #hurry = (): void => {
    if (!navigator.onLine) {
      this.#drop();
      this.listener.connection({ state: 'offline' });
    } else if (this.#socket === null && document.visibilityState === 'visible') {
      this.#attempt = 0;
      void this.#connect();
    }
  };

  async #connect(): Promise<void> {
    this.#drop();
    const generation = this.#generation;
    this.listener.connection({ state: 'connecting' });
    try {
      const { subprotocol } = await post('/v2/user/profile/ws-ticket');
      if (generation === this.#generation) this.#listen(subprotocol);
    } catch (error) {
      if (generation !== this.#generation) return;
      // Nobody is logged in any more: the session has said so already, and whoever shows it closes this.
      if (error instanceof ApiError && error.status === 401) this.close();
      else this.#later();
    }
  }

  #listen(subprotocol: string): void {
    const url = new URL('/v2/user/profile/ws', location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    const socket = new WebSocket(url, ['crypto-service.v1', subprotocol]);
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#later(), FIRST_FRAME_MS);
    socket.onmessage = (event: MessageEvent<string>) => {
      if (this.#attempt !== -1) {
        clearTimeout(this.#timer);
        this.#attempt = -1; // the next loss is tried again at once
        this.listener.connection({ state: 'open' });
      }
      this.listener.frame(event.data);
    };
    // Whatever the reason: the next ticket tells whether this person may come back.
    socket.onclose = () => {
      if (this.#socket === socket) this.#later();
    };
  }

  #later(): void {
    this.#drop();
    this.#attempt += 1;
    const delay = delayMs(this.#attempt, this.random);
    this.listener.connection({ state: 'waiting', until: Date.now() + delay });
    this.#timer = setTimeout(() => void this.#connect(), delay);
  }

  #drop(): void {
    this.#generation += 1;
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    if (socket !== null) {
      socket.onmessage = null;
      socket.close();
    }
  }
}

/** How long to wait before the attempt: half of an exponential bound for sure, the other half by chance. */
export function delayMs(attempt: number, random: () => number): number {
  const bound = Math.min(CAP_MS, BASE_MS * 2 ** Math.min(attempt, 10));
  return bound / 2 + (bound / 2) * random();
}
