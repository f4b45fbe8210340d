/** The unit beside a number, as it is pasted: `0.5 BTC`, `₿0.5`. */

const CODE_OF: Readonly<Record<string, string>> = {
  '₿': 'BTC', 'Ξ': 'ETH', '₮': 'USDT', '$': 'USD', 'US$': 'USD', '€': 'EUR', '£': 'GBP', '¥': 'JPY', '₽': 'RUB', '₺': 'TRY', '₴': 'UAH', 'R$': 'BRL',
};

const BEFORE = /^([\p{L}\p{Sc}]+) ?(?=[\d+.,-])(.*)$/u;
const AFTER = /^(.*[\d.,]) ?([\p{L}\p{Sc}]+)$/u;

export interface Measured {
  readonly number: string;
  /** As it is written; empty without one. */
  readonly unit: string;
}

/** `written` (in ASCII) taken apart. The coin's own code may have digits in it: `5 1INCH`. */
export function measured(written: string, coin: string): Measured {
  if (coin !== '' && written.toUpperCase().endsWith(` ${coin.toUpperCase()}`)) {
    return { number: written.slice(0, -coin.length).trimEnd(), unit: coin };
  }
  const before = BEFORE.exec(written);
  if (before !== null) return { number: before[2] ?? '', unit: before[1] ?? '' };
  const after = AFTER.exec(written);
  return after === null ? { number: written, unit: '' } : { number: after[1] ?? '', unit: after[2] ?? '' };
}

/** Whether the unit is the coin's: its code, or its sign. */
export function isOf(unit: string, coin: string): boolean {
  return unit === '' || (CODE_OF[unit] ?? unit).toUpperCase() === coin.toUpperCase();
}
