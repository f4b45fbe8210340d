/**
 * Retries of requests that the server asks to repeat. A request without side effects waits as long as `Retry-After`
 * requires and is sent again, unseen: the page stays as it is meanwhile. Only a wait that is too long is an error.
 */
import { pause } from '../lib/signals';
import { ApiError } from './errors';

/** A refusal for asking too often, or for the moment's crowd: it passes by itself. */
const CROWDED_MS = 60_000;
/** Something is not reachable: it may be back at once, or not. */
const AWAY_MS = 3000;

/** The answer of `ask`. Raises ApiError, or the signal's reason. */
export async function patiently<T>(ask: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  let waitedMs = 0;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const waitMs = waitOf(error);
      if (waitMs === null || waitedMs + waitMs > mostMs(error)) throw error;
      await pause(waitMs, signal);
      waitedMs += waitMs;
    }
  }
}

function waitOf(error: unknown): number | null {
  if (!(error instanceof ApiError) || (error.status !== 429 && error.status !== 503)) return null;
  return error.retryAfterS === null ? null : Math.max(error.retryAfterS, 0.5) * 1000;
}

function mostMs(error: unknown): number {
  return error instanceof ApiError && (error.status === 429 || error.code.endsWith('busy')) ? CROWDED_MS : AWAY_MS;
}
