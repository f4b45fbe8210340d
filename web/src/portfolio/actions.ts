/** Changes of the portfolio. Each shows through the live connection; where that does not bring it the document is read. */
import { get, patch, post, remove } from '../api/client';
import { explain } from '../api/errors';
import { compare, decimal } from '../lib/decimal';
import { exact } from '../lib/format';
import type { Num } from '../lib/json';
import { namesOf, pairOf } from '../market/directory.svelte';
import { toasts } from '../lib/toasts.svelte';
import { portfolio, type Holding } from '../live/portfolio.svelte';
import { t } from './messages';

/** A connection that is alive has brought a change by then. */
const SHOWN_WITHIN_MS = 1000;

/** `quantity` is decimal text. Raises ApiError. */
export async function addCoin(symbol: string, quantity: string): Promise<void> {
  const { signal } = portfolio;
  await post('/v2/coin/symbol', { body: { symbol, quantity } });
  await shown(signal, () => holds(symbol, quantity));
}

/** Change the amount, and offer the way back. Raises ApiError. */
export async function changeQuantity(symbol: string, quantity: string): Promise<void> {
  const { signal } = portfolio;
  const before = portfolio.holding(symbol)?.quantity;
  await put(symbol, quantity);
  if (signal.aborted || before === undefined) return;
  const run = (): void => void putBack(symbol, before);
  const amount = `${exact(quantity as Num)} ${pairOf(symbol).base}`;
  toasts.show(t('changed', { amount }), { action: { label: t('undo'), run }, undoes: true });
}

async function put(symbol: string, quantity: string): Promise<void> {
  const { signal } = portfolio;
  await patch('/v2/coin/symbol', { body: { symbol, quantity } });
  await shown(signal, () => holds(symbol, quantity));
}

async function putBack(symbol: string, quantity: string): Promise<void> {
  const { signal } = portfolio;
  try {
    await put(symbol, quantity);
  } catch (error) {
    if (!signal.aborted) toasts.show(explain(error), { tone: 'error' });
  }
}

/** Remove at once, and offer the way back: the same amount, to the last digit. */
export async function removeCoin({ symbol, quantity }: Holding): Promise<void> {
  const { signal } = portfolio;
  const coin = namesOf(portfolio.holdings.map((held) => held.symbol)).get(symbol) ?? symbol;
  try {
    await remove('/v2/coin/symbol', { query: { symbol } });
  } catch (error) {
    toasts.show(explain(error), { tone: 'error' });
    return;
  }
  if (signal.aborted) return; // undo would write to the portfolio of the user logged in now
  const run = (): void => void restore(symbol, quantity);
  toasts.show(t('deleted', { coin }), { action: { label: t('undo'), run }, undoes: true });
  await shown(signal, () => portfolio.holding(symbol) === undefined);
}

async function restore(symbol: string, quantity: string): Promise<void> {
  const { signal } = portfolio;
  try {
    await addCoin(symbol, quantity);
  } catch (error) {
    if (signal.aborted) return;
    const run = (): void => void restore(symbol, quantity);
    toasts.show(`${explain(error)} (${exact(quantity as Holding['quantity'])} ${pairOf(symbol).base})`, {
      tone: 'error',
      action: { label: t('tryAgain'), run },
    });
  }
}

/** Have the portfolio valued in another currency, in every window. Raises ApiError. */
export async function chooseCurrency(currency: string): Promise<void> {
  const { signal } = portfolio;
  await patch('/v2/user/settings', { body: { currency } });
  await shown(signal, () => portfolio.currency === currency);
}

function holds(symbol: string, quantity: string): boolean {
  const held = portfolio.holding(symbol);
  return held !== undefined && compare(decimal(held.quantity), decimal(quantity)) === 0;
}

/** Have the change shown; an open connection may be dead, unnoticed. */
async function shown(signal: AbortSignal, isShown: () => boolean): Promise<void> {
  if (portfolio.connection.state !== 'open') return read(signal);
  setTimeout(() => signal.aborted || isShown() || void read(signal), SHOWN_WITHIN_MS);
}

async function read(signal: AbortSignal): Promise<void> {
  try {
    const document = await get('/v2/user/profile', { query: { detail: 'full' }, signal });
    if (!signal.aborted) portfolio.apply(document);
  } catch {
    // The change is made; it shows when the connection is back.
  }
}
