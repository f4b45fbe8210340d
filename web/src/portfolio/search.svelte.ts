/** The exchange's symbols that look like what is being typed, as it is typed: the newest question's answer, never an older one's. */
import { get } from '../api/client';
import { explain } from '../api/errors';
import type { ListedSymbol } from '../api/types';
import { directory } from '../market/directory.svelte';

const PAUSE_MS = 90;

export class SymbolSearch {
  matches: readonly ListedSymbol[] = $state.raw([]);
  /** What `matches` answers; null while nothing was asked. */
  answered: string | null = $state(null);
  /** Whether the newest question has no answer yet: `matches` are an older one's until then. */
  pending = $state(false);
  problem = $state('');

  #controller = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** At most `limit` matches, in the order of the API, which has one ranking for every search; but see `pairBeforeAsset`. */
  constructor(private readonly query: { readonly limit: number; readonly assets?: boolean } = { limit: 8 }) {}

  ask(text: string): void {
    this.forget();
    const search = text.trim();
    if (search === '') return;
    this.pending = true;
    const { signal } = this.#controller;
    this.#timer = setTimeout(() => void this.#fetch(search, signal), PAUSE_MS);
  }

  forget(): void {
    clearTimeout(this.#timer);
    this.#controller.abort();
    this.#controller = new AbortController();
    this.problem = '';
    this.pending = false;
  }

  clear(): void {
    this.forget();
    this.matches = [];
    this.answered = null;
  }

  async #fetch(search: string, signal: AbortSignal): Promise<void> {
    try {
      const { symbols } = await get('/v1/market/symbols', { query: { search, ...this.query }, signal });
      if (signal.aborted) return;
      directory.learn(symbols);
      this.matches = pairBeforeAsset(symbols);
      this.answered = search;
    } catch (error) {
      if (signal.aborted) return;
      this.matches = [];
      this.answered = null;
      this.problem = explain(error);
    }
    this.pending = false;
  }
}

/** Who types `btc` and presses Enter means the coin as the market has it: its pair with USDT comes before the asset by itself. */
function pairBeforeAsset(found: readonly ListedSymbol[]): readonly ListedSymbol[] {
  const [asset, pair, ...others] = found;
  if (!asset?.base || asset.quote || pair?.base !== asset.base || pair.quote !== 'USDT') return found;
  return [pair, asset, ...others];
}
