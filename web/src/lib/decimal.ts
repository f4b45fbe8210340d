/**
 * Exact decimal arithmetic: a value is `digits × 10^-scale`. Only what the pages compute themselves is here; what the
 * server sends exactly (totals) is shown, not computed.
 */
import type { Num } from './json';

export interface Decimal {
  readonly digits: bigint;
  readonly scale: number;
}

const FORM = /^([+-]?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/;

export const ZERO: Decimal = { digits: 0n, scale: 0 };

/** The number that `text` writes: plain or with an exponent. Raises RangeError for anything else. */
export function decimal(text: Num | string): Decimal {
  const match = FORM.exec(text);
  if (match === null) throw new RangeError(`no decimal number: ${text}`);
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  const digits = BigInt(whole + fraction) * (sign === '-' ? -1n : 1n);
  const scale = fraction.length - Number(exponent);
  return scale >= 0 ? { digits, scale } : { digits: digits * power(-scale), scale: 0 };
}

export function add(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale);
  return { digits: rescaled(a, scale) + rescaled(b, scale), scale };
}

export function negate(a: Decimal): Decimal {
  return { digits: -a.digits, scale: a.scale };
}

export function subtract(a: Decimal, b: Decimal): Decimal {
  return add(a, negate(b));
}

export function multiply(a: Decimal, b: Decimal): Decimal {
  return { digits: a.digits * b.digits, scale: a.scale + b.scale };
}

/** a ÷ b, rounded half to even at `places`; null when b is 0. */
export function divide(a: Decimal, b: Decimal, places: number): Decimal | null {
  if (b.digits === 0n) return null;
  const shift = places + b.scale - a.scale;
  const numerator = shift >= 0 ? a.digits * power(shift) : a.digits;
  const denominator = shift >= 0 ? b.digits : b.digits * power(-shift);
  return { digits: dividedHalfEven(numerator, denominator), scale: places };
}

/** Rounded half to even at `places`, which the result has exactly. */
export function round(a: Decimal, places: number): Decimal {
  if (places >= a.scale) return { digits: rescaled(a, places), scale: places };
  return { digits: dividedHalfEven(a.digits, power(a.scale - places)), scale: places };
}

/** Negative, 0 or positive as a is less than, equal to or greater than b. */
export function compare(a: Decimal, b: Decimal): number {
  return sign(subtract(a, b));
}

export function sign(a: Decimal): -1 | 0 | 1 {
  return a.digits > 0n ? 1 : a.digits < 0n ? -1 : 0;
}

/** Part of whole in percent, at `places`; null when the whole is 0. */
export function percent(part: Decimal, whole: Decimal, places = 2): Decimal | null {
  return divide({ digits: part.digits * 100n, scale: part.scale }, whole, places);
}

/** Plain notation, with all `scale` places. */
export function text(a: Decimal): string {
  const unsigned = (a.digits < 0n ? -a.digits : a.digits).toString().padStart(a.scale + 1, '0');
  const point = unsigned.length - a.scale;
  const plain = a.scale === 0 ? unsigned : `${unsigned.slice(0, point)}.${unsigned.slice(point)}`;
  return a.digits < 0n ? `-${plain}` : plain;
}

/** The same value without zeros at the end. */
export function trimmed({ digits, scale }: Decimal): Decimal {
  let [rest, places] = [digits, scale];
  while (places > 0 && rest % 10n === 0n) {
    rest /= 10n;
    places -= 1;
  }
  return { digits: rest, scale: places };
}

/** The nearest float: for pixels (charts, sorting), never for a figure that is read. */
export function approximate(a: Decimal): number {
  return Number(text(a));
}

function rescaled(a: Decimal, scale: number): bigint {
  return a.digits * power(scale - a.scale);
}

function power(exponent: number): bigint {
  return 10n ** BigInt(exponent);
}

function dividedHalfEven(numerator: bigint, denominator: bigint): bigint {
  if (denominator < 0n) return dividedHalfEven(-numerator, -denominator);
  const quotient = numerator / denominator; // towards zero
  const rest = numerator % denominator;
  const twice = 2n * (rest < 0n ? -rest : rest);
  const away = twice > denominator || (twice === denominator && quotient % 2n !== 0n);
  return away ? quotient + (numerator < 0n ? -1n : 1n) : quotient;
}
