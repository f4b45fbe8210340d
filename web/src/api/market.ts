/** The market routes, as docs/contracts.md has them. */
interface Get<Query, Answer, Path = never> {
  readonly get: {
    readonly parameters: { readonly query?: Query; readonly path: Path };
    readonly responses: { readonly 200: { readonly content: { readonly 'application/json': Answer } } };
  };
}

export type Interval = '1s' | '1m' | '1h' | '1d';

export interface MarketPrice {
  readonly symbol: string;
  readonly price: number;
  readonly event_time: number;
  readonly age_ms: number;
  readonly open_24h: number | null;
  readonly high_24h: number | null;
  readonly low_24h: number | null;
  readonly volume_24h: number | null;
  readonly quote_volume_24h: number | null;
  readonly change_24h: number | null;
  readonly change_percent_24h: number | null;
}

export interface Candle {
  readonly t: number;
  readonly o: number;
  readonly h: number;
  readonly l: number;
  readonly c: number;
  readonly v: number | null;
  readonly q: number | null;
  readonly v24: number | null;
  readonly q24: number | null;
}

export interface MarketSymbol {
  readonly symbol: string;
  readonly base: string;
  readonly quote: string;
  readonly status: string;
}

export interface MarketPaths {
  readonly '/v1/market/prices': Get<
    { readonly symbols?: string; readonly limit?: number; readonly after?: string },
    {
      readonly source: string;
      readonly time: number;
      readonly prices: readonly MarketPrice[];
      readonly unknown: Readonly<Record<string, readonly string[]>>;
      readonly next: string | null;
    }
  >;
  readonly '/v1/market/history/{symbol}': Get<
    { readonly interval?: Interval; readonly from?: number; readonly to?: number; readonly limit?: number },
    {
      readonly symbol: string;
      readonly interval: Interval;
      readonly source: string;
      readonly candles: readonly Candle[];
      readonly next: number | null;
      readonly previous: number | null;
    },
    { readonly symbol: string }
  >;
  readonly '/v1/market/movers': Get<
    { readonly by?: 'gainers' | 'losers' | 'volume'; readonly quote?: string; readonly limit?: number },
    { readonly source: string; readonly time: number; readonly movers: readonly MarketPrice[] }
  >;
  readonly '/v1/market/symbols': Get<
    { readonly search?: string; readonly limit?: number; readonly after?: string },
    { readonly symbols: readonly MarketSymbol[]; readonly next: string | null }
  >;
  readonly '/v1/market/sparklines': Get<
    { readonly symbols: string },
    {
      readonly source: string;
      readonly interval: '1h';
      readonly sparklines: Readonly<Record<string, readonly (readonly [number, number])[]>>;
    }
  >;
}
