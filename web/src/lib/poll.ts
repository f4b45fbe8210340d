/**
 * Repeated requests: one at a time, only while the page is visible, ever more slowly while they fail.
 * Becoming visible, or online again, ends the waiting.
 */
import { ApiError } from '../api/errors';

const CAP_MS = 15_000;

export interface Poll {
  /** Ask at once; while a question is on its way, right after it. */
  hurry(): void;
  stop(): void;
}

export interface Polling {
  /** Asks, and takes in the answer. `signal` is aborted by `stop`. */
  ask(signal: AbortSignal): Promise<void>;
  readonly everyMs: number;
  /** Called with the error after each failure, and with null after each success. */
  outcome?(error: unknown): unknown;
}

export function poll({ ask, everyMs, outcome }: Polling): Poll {
  const controller = new AbortController();
  const { signal } = controller;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let asking = false;
  let again = false;
  let failures = 0;

  async function round(): Promise<void> {
    clearTimeout(timer);
    again = asking;
    if (asking || signal.aborted || document.visibilityState === 'hidden') return;
    asking = true;
    const started = Date.now();
    let waitMs = everyMs;
    try {
      await ask(signal);
      failures = 0;
      if (!signal.aborted) outcome?.(null);
      waitMs = Math.max(everyMs / 4, everyMs - (Date.now() - started));
    } catch (error) {
      failures += 1;
      waitMs = delayMs(failures, everyMs, error);
      if (!signal.aborted) outcome?.(error);
    }
    asking = false;
    if (!signal.aborted) timer = setTimeout(() => void round(), again ? 0 : waitMs);
  }

  const hurry = (): void => void round();
  document.addEventListener('visibilitychange', hurry, { signal });
  addEventListener('online', hurry, { signal });
  hurry();
  return {
    hurry,
    stop() {
      clearTimeout(timer);
      controller.abort();
    },
  };
}

/** Delay after so many failures in a row: as long as the server requires, at least twice as long each time. */
export function delayMs(failures: number, everyMs: number, error: unknown): number {
  const requiredS = error instanceof ApiError ? error.retryAfterS : null;
  return Math.max(requiredS === null ? 0 : requiredS * 1000, Math.min(Math.max(CAP_MS, everyMs), everyMs * 2 ** Math.min(failures, 10)));
}
