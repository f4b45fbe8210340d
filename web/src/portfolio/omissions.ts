/** Which coins the total leaves out, and why. */
import type { Holding } from '../live/portfolio.svelte';
import { directory } from '../market/directory.svelte';

export interface Omissions {
  /** Pairs without a price. */
  readonly unpriced: readonly string[];
  /** What has no rate into the currency: of a pair's quote, or of an asset that is held by itself. */
  readonly unrated: readonly string[];
}

export function leftOut({ unvalued, holdings }: { readonly unvalued: readonly string[]; readonly holdings: readonly Holding[] }): Omissions {
  const priceless = new Set(holdings.filter(({ price }) => price === null).map(({ symbol }) => symbol));
  const isUnpriced = (symbol: string): boolean => priceless.has(symbol) && !directory.isAsset(symbol);
  return { unpriced: unvalued.filter(isUnpriced), unrated: unvalued.filter((symbol) => !isUnpriced(symbol)) };
}
