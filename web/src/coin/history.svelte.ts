/**
 * The candles of one coin and span: the page that is shown, older ones on demand, the newest read again now and then, and the
 * price of every second on top, so that the last candle lives even while history does not answer.
 *
 * `generation` grows whenever candles other than the last have changed; `tip` is the last one.
 */
import { get } from '../api/client';
import { ApiError } from '../api/errors';
import type { Num } from '../lib/json';
import { poll, type Poll } from '../lib/poll';
import { candleOf, merged, prepended, ticked, type Candle } from './candles';
import { bucketOf, candlesIn, LENGTH_MS, STEP_MS, type Interval, type Span } from './ranges';

/** How often the newest candles are read again: the pipeline is a second or two behind the price. */
const TAIL_EVERY_MS: Readonly<Record<Interval, number>> = { '1s': 3000, '1m': 10_000, '1h': 30_000, '1d': 60_000 };
/** While there is nothing at all, look more often: something may be filled in right now. */
const EMPTY_EVERY_MS = 5000;
const PAGE = 1000;
/** Candles in memory; beyond, nothing older is loaded, and the oldest make room for new ones. */
export const MOST = 20_000;
const TAIL_PAGE = 500;

export type HistoryState = 'loading' | 'known' | 'failed';

export class CandleHistory {
  state: HistoryState = $state('loading');
  generation = $state(0);
  tip: Candle | null = $state.raw(null);
  count = $state(0);
  /** An older page is on its way. */
  reaching = $state(false);
  /** Whether the last question about the newest candles had no answer. */
  interrupted = $state(false);
  /** Whether there is anything before the first candle; it can be asked for. */
  more = $state(false);

  #candles: Candle[] = [];
  #previous: number | null = null;
  #settled = -Infinity;
  #lastPrice: { readonly price: Num; readonly time: number } | null = null;
  #poll: Poll;
  /** Whether there is more than has been read: the past was filled in. */
  #outdated = false;
  /** Whether a page before the first has come: a reader has gone back there. */
  #reached = false;
  #waiting: ReturnType<typeof setTimeout> | undefined;
  #controller = new AbortController();

  constructor(
    readonly symbol: string,
    readonly span: Span,
  ) {
    const { interval } = span;
    this.#poll = poll({
      everyMs: TAIL_EVERY_MS[interval],
      ask: (signal) => {
        if (this.#outdated) return this.#reload(signal);
        return this.#candles.length === 0 || this.state !== 'known' ? this.#load(signal) : this.#readTail(signal);
      },
      outcome: (error) => this.#heard(error),
    });
  }

  get candles(): readonly Candle[] {
    return this.#candles;
  }

  /** The index of the first candle that the span shows. */
  get firstShown(): number {
    const { range } = this.span;
    if (range === null) return Math.max(0, this.#candles.length - candlesIn(this.span));
    const start = (this.#candles.at(-1)?.t ?? 0) - LENGTH_MS[range];
    return Math.max(0, this.#candles.findIndex(({ t }) => t > start));
  }

  /** A price of `time`, ms: the last candle follows. */
  price(price: Num, time: number): void {
    this.#lastPrice = { price, time };
    if (this.state === 'known' && this.#candles.length > 0) this.#tick();
  }

  /** Load the page before the first candle, if there is one. */
  async older(): Promise<void> {
    if (this.#previous === null || this.reaching || this.#candles.length >= MOST) return;
    this.reaching = true;
    try {
      const { candles, previous } = await this.#page({ to: this.#previous, limit: PAGE }, this.#controller.signal);
      this.#candles = prepended(candles, this.#candles);
      this.#reached = true;
      this.#before(previous);
      this.#changed();
    } catch {
      // Scrolling further retries.
    } finally {
      this.reaching = false;
    }
  }

  /** Read all that is shown again: more of the past is there now. Not under the eyes of one who has gone back in it. */
  reread(): void {
    if (this.#reached) return;
    this.#outdated = true;
    this.#poll.hurry();
  }

  retry(): void {
    this.#poll.hurry();
  }

  close(): void {
    this.#poll.stop();
    this.#controller.abort();
  }

  async #load(signal: AbortSignal): Promise<void> {
    const limit = Math.min(candlesIn(this.span) + 50, 5000);
    const { candles, previous } = await this.#page({ limit }, signal);
    this.#candles = [...candles];
    this.#reached = false;
    this.#before(previous);
    this.#settled = candles.at(-1)?.t ?? -Infinity;
    this.state = 'known';
    if (candles.length > 0) this.#tick();
    else this.#lookAgain(signal);
    this.#changed();
  }

  async #reload(signal: AbortSignal): Promise<void> {
    this.#outdated = false;
    try {
      await this.#load(signal);
    } catch (error) {
      this.#outdated = true;
      throw error;
    }
  }

  #lookAgain(signal: AbortSignal): void {
    clearTimeout(this.#waiting);
    this.#waiting = setTimeout(() => signal.aborted || this.#poll.hurry(), EMPTY_EVERY_MS);
  }

  async #readTail(signal: AbortSignal): Promise<void> {
    // From the last candle that was whole when it was read: it and what came after may have changed.
    const from = this.#settled - STEP_MS[this.span.interval];
    const { candles, next } = await this.#page({ from, limit: TAIL_PAGE }, signal);
    // Asleep for so long that this page is not the end: begin anew.
    if (next !== null) return this.#load(signal);
    const last = candles.at(-1);
    if (last === undefined) return;
    this.#settled = Math.max(this.#settled, last.t);
    this.#candles = merged(this.#candles, candles);
    this.#tick();
    if (this.#candles.length > MOST) this.#trim();
    else this.#changed();
  }

  async #page(query: { from?: number; to?: number; limit: number }, signal: AbortSignal) {
    const { interval } = this.span;
    const bounds = {
      ...(query.from === undefined ? {} : { from: String(query.from) }),
      ...(query.to === undefined ? {} : { to: String(query.to) }),
    };
    const answer = await get('/v1/market/history/{symbol}', {
      path: { symbol: this.symbol },
      query: { interval, limit: query.limit, ...bounds },
      signal,
    });
    return { ...answer, candles: answer.candles.map(candleOf) };
  }

  #tick(): void {
    if (this.#lastPrice === null) return;
    const last = this.#candles.at(-1);
    const { price, time } = this.#lastPrice;
    const candle = ticked(last, bucketOf(time, this.span.interval), price);
    if (candle === null) return;
    if (candle.t === last?.t) this.#candles[this.#candles.length - 1] = candle;
    else this.#candles.push(candle);
    this.tip = candle;
    this.count = this.#candles.length;
    if (this.count > MOST) this.#trim();
  }

  /** Bounds a chart of seconds that stays open all day: the newest stay, the others can be loaded again. */
  #trim(): void {
    this.#candles = this.#candles.slice(-Math.floor(MOST * 0.9));
    this.#before(String(this.#candles[0]?.t) as Num);
    this.#changed();
  }

  #before(previous: Num | null): void {
    this.#previous = previous === null ? null : Number(previous);
    this.more = this.#previous !== null && this.#candles.length < MOST;
  }

  #changed(): void {
    this.tip = this.#candles.at(-1) ?? null;
    this.count = this.#candles.length;
    this.generation += 1;
  }

  #heard(error: unknown): void {
    this.interrupted = error !== null;
    if (error !== null && this.#candles.length === 0) this.state = 'failed';
    // An unknown symbol stays unknown: the page shows that, and further requests would be noise.
    if (error instanceof ApiError && error.status === 404) this.#poll.stop();
  }
}
