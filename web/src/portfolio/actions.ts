/** Changes of the portfolio. Each shows through the live connection; while that is down the document is read instead. */
import { get, patch, post, remove } from '../api/client';
import { explain } from '../api/errors';
import { exact } from '../lib/format';
import { pairOf } from '../lib/symbols';
import { toasts } from '../lib/toasts.svelte';
import { portfolio, type Holding } from '../live/portfolio.svelte';
import { t } from './messages';

/** `quantity` is decimal text. Raises ApiError. */
export async function addCoin(symbol: string, quantity: string): Promise<void> {
  await post('/v2/coin/symbol', { body: { symbol, quantity } });
  await shown();
}

/** Raises ApiError. */
export async function changeQuantity(symbol: string, quantity: string): Promise<void> {
  await patch('/v2/coin/symbol', { body: { symbol, quantity } });
  await shown();
}

/** Remove at once, and offer the way back: the same amount, to the last digit. */
export async function removeCoin({ symbol, quantity }: Holding): Promise<void> {
  const coin = pairOf(symbol).base;
  try {
    await remove('/v2/coin/symbol', { query: { symbol } });
  } catch (error) {
    toasts.show(explain(error), { tone: 'error' });
    return;
  }
  const run = (): void => void restore(symbol, quantity);
  toasts.show(t('deleted', { coin }), { action: { label: t('undo'), run }, undoes: true });
  await shown();
}

async function restore(symbol: string, quantity: string): Promise<void> {
  try {
    await addCoin(symbol, quantity);
  } catch (error) {
    const run = (): void => void restore(symbol, quantity);
    toasts.show(`${explain(error)} (${exact(quantity as Holding['quantity'])} ${pairOf(symbol).base})`, {
      tone: 'error',
      action: { label: t('tryAgain'), run },
    });
  }
}

async function shown(): Promise<void> {
  if (portfolio.connection.state === 'open') return;
  try {
    portfolio.apply(await get('/v2/user/profile'));
  } catch {
    // The change is made; it shows when the connection is back.
  }
}
