/** Measurements in a page while it ticks, and the documents that make it tick. Runs in the browser; the caller reads the results. */
import type { BrowserContext, CDPSession, Page } from 'playwright-core';

import { until } from '../e2e/people.ts';

/** Everything in ms, or CLS's own measure. */
export interface Seen {
  /** From a frame's arrival to the change of the total that it made. */
  readonly written: number[];
  /** From a key or a click to the next paint. */
  readonly events: number[];
  /** Layout shifts that no key or click has caused. */
  readonly shifts: { readonly at: number; readonly value: number }[];
}

/** Watch every page of the context from its next load on. */
export function observe(context: BrowserContext): Promise<unknown> {
  return context.addInitScript(observed);
}

export function seen(page: Page): Promise<Seen> {
  return page.evaluate(() => (window as unknown as { seen: Seen }).seen);
}

function observed(): void {
  const seen: Seen = { written: [], events: [], shifts: [] };
  Object.assign(window, { seen });
  const Original = WebSocket;
  window.WebSocket = class extends Original {
    constructor(...argument: ConstructorParameters<typeof WebSocket>) {
      super(...argument);
      let arrived = 0;
      this.addEventListener('message', () => (arrived = performance.now()));
      const observe = (): void => {
        const total = document.querySelector('[data-testid=total]');
        if (total === null) return void setTimeout(observe, 50);
        new MutationObserver(() => {
          if (arrived > 0) seen.written.push(performance.now() - arrived);
          arrived = 0;
        }).observe(total, { characterData: true, childList: true, subtree: true });
      };
      observe();
    }
  };
  type Interaction = PerformanceEventTiming & { readonly interactionId: number };
  type Shift = PerformanceEntry & { readonly value: number; readonly hadRecentInput: boolean };
  const watch = <E>(type: string, take: (entry: E) => void): void => {
    const options = { type, durationThreshold: 16, buffered: true };
    new PerformanceObserver((list) => list.getEntries().forEach((entry) => take(entry as E))).observe(options);
  };
  watch<Interaction>('event', ({ interactionId, duration }) => interactionId > 0 && seen.events.push(duration));
  watch<Shift>('layout-shift', ({ startTime, value, hadRecentInput }) => hadRecentInput || seen.shifts.push({ at: startTime, value }));
}

/** A portfolio of the first so many coins. */
export async function fill(page: Page, coins: number): Promise<void> {
  await page.evaluate(async (wanted) => {
    const json = async (path: string, options: RequestInit = {}) => (await fetch(path, options)).json();
    const { access_token } = await json('/v1/refresh', { method: 'POST' });
    const { symbols } = await json('/v1/market/symbols?limit=1000');
    const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${access_token}` };
    for (const { symbol } of symbols.filter((one: { symbol: string }) => one.symbol.endsWith('usdt')).slice(0, wanted)) {
      await json('/v2/coin/symbol', { method: 'POST', headers, body: JSON.stringify({ symbol, quantity: '1.234567' }) });
    }
  }, coins);
  await rows(page, coins);
}

export function rows(page: Page, count: number): Promise<void> {
  return until(async () => (await page.locator('[role=row][data-symbol]').count()) === count, `${count} rows`);
}

/** What a person does all day: search, sort, edit, change the colours. */
export async function busy(page: Page): Promise<void> {
  const search = page.locator('[role=combobox]');
  await search.pressSequentially('eth', { delay: 60 });
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Escape');
  await search.fill('');
  await page.getByRole('button', { name: 'Coin', exact: true }).click();
  await page.getByRole('button', { name: 'Value, USDT' }).click();
  await page.locator('.edit').first().click();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: /^Theme/ }).click();
}

/** Let every page of the context, from its next load on, hear `replay`'s documents of these coins in place of the server's. */
export function replayedFor(context: BrowserContext, symbols: readonly string[]): Promise<unknown> {
  return context.addInitScript(replayed, symbols);
}

/** So many ticks, as fast as the page takes them in. */
export function replay(page: Page, ticks: number): Promise<void> {
  return page.evaluate((wanted) => (window as unknown as { replay(ticks: number): Promise<void> }).replay(wanted), ticks);
}

/** In the page: a websocket without a server, and `replay`, which delivers the requested number of documents through it. */
function replayed(symbols: readonly string[]): void {
  let tick = 0;
  let socket: { onmessage: ((event: { data: string }) => void) | null } | undefined;

  /** A document as profile sends it, in which every price has moved. */
  function frame(): string {
    const price = (index: number): string => `${100 + index + ((tick * 7 + index) % 50) / 100}`;
    const part = (value: (index: number) => string): string => symbols.map((symbol, index) => `"${symbol}":${value(index)}`).join(',');
    return (
      `{"ID":1,"Name":"ada","Coins":{"Quantities":{${part(() => '1')}},"Prices":{${part(price)}},"Totals":{${part(price)}},` +
      `"Values":{${part(price)}},"Times":{${part(() => `${Date.now()}`)}}},` +
      `"Total":${100_000 + tick}.5,"UpdatedAt":${Date.now()},"Source":"simulator","Currency":"USDT","Unvalued":[],"RatesAt":null}`
    );
  }

  class Silent {
    onmessage: ((event: { data: string }) => void) | null = null;
    onclose: (() => void) | null = null;
    constructor() {
      socket = this;
      setTimeout(() => this.onmessage?.({ data: frame() }));
    }
    close(): void {
      socket = undefined;
    }
  }

  Object.assign(window, {
    WebSocket: Silent,
    async replay(ticks: number) {
      const channel = new MessageChannel();
      const turn = (): Promise<unknown> => new Promise((resolve) => {
        channel.port1.onmessage = resolve;
        channel.port2.postMessage(null);
      });
      for (const end = tick + ticks; tick < end; ) {
        tick += 1;
        socket?.onmessage?.({ data: frame() });
        // Now and then a paint, which is when most things that leak would be made.
        await (tick % 20 === 0 ? new Promise(requestAnimationFrame) : turn());
      }
      channel.port1.close();
    },
  });
}

/** What is left in the page's heap after everything that can be collected was. */
export async function heapMegabytes(session: CDPSession): Promise<number> {
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  return usedSize / 1e6;
}
