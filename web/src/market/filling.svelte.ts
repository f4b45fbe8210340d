/**
 * How far the history of some symbols is, while it fills itself. Asked for every few seconds while the page is visible, until
 * there is nothing left to fill. Without an answer nothing is shown.
 */
import { get } from '../api/client';
import { clock } from '../lib/clock.svelte';
import { poll } from '../lib/poll';

const EVERY_MS = 3000;
/** What was added just now is known to be pending only after some seconds. */
const SETTLING_MS = 30_000;
/** How often it is asked for while something is in the way: nothing that fills is running, or it is held up. */
const WAITING_EVERY_MS = 15_000;
/** What shows the history reads it again at most so often while it fills, and once more at its end. */
const AGAIN_MS = 10_000;
const MOST_NAMED = 500;

export class Filling {
  /** So many of the symbols are being filled. */
  pending = $state(0);
  /** So many symbols there are. */
  total = $state(0);
  /** Whether something is in the way. */
  paused = $state(false);
  /** Grows when more of the history is there than before. */
  progress = $state(0);
  /** Grows when there is nothing left to fill, and was not for a while: something may have been filled unseen. */
  settled = $state(0);

  #steps = 0;
  #progressAt = 0;

  /** Ask about these symbols until the returned function is called. */
  watch(symbols: readonly string[]): () => void {
    const named = symbols.slice(0, MOST_NAMED);
    const began = clock.read();
    let [askedAt, everyMs] = [-Infinity, 0];
    this.#forget(named.length);
    const polled = poll({
      everyMs: EVERY_MS,
      ask: async (signal) => {
        if (clock.read() - askedAt < everyMs) return;
        const { state, pending } = await get('/v1/market/fill', { query: { symbols: named.join(',') }, signal });
        askedAt = clock.read();
        everyMs = state === 'waiting' ? WAITING_EVERY_MS : 0;
        this.#take(Object.values(pending).map(Number), state === 'waiting');
        if (this.pending > 0 || state === 'waiting' || askedAt - began < SETTLING_MS) return;
        this.settled += 1;
        polled.stop();
      },
      outcome: (error) => {
        if (error !== null) this.pending = 0;
      },
    });
    return polled.stop;
  }

  #forget(total: number): void {
    this.pending = this.#steps = 0;
    this.total = total;
    this.paused = false;
  }

  /** The steps of work that each pending symbol has left. */
  #take(steps: readonly number[], paused: boolean): void {
    const left = steps.reduce((sum, one) => sum + one, 0);
    const now = clock.read();
    this.pending = steps.length;
    this.paused = paused;
    if (left < this.#steps && (left === 0 || now - this.#progressAt >= AGAIN_MS)) {
      this.progress += 1;
      this.#progressAt = now;
      this.#steps = left;
    }
    if (left > this.#steps) this.#steps = left;
  }
}
