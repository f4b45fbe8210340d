/** The amount that a person typed, as the API takes it. */
import { typed } from '../lib/format';

const MOST_WHOLE_DIGITS = 20;
const MOST_PLACES = 18;

/** Decimal text > 0 that fits NUMERIC(38,18), or null. */
export function parseQuantity(input: string): string | null {
  const plain = typed(input);
  if (plain === null || !/[1-9]/.test(plain)) return null;
  const [whole = '', places = ''] = plain.split('.');
  return whole.length <= MOST_WHOLE_DIGITS && places.length <= MOST_PLACES ? plain : null;
}
