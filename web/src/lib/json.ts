/**
 * JSON whose numbers stay text.
 *
 * The API's numbers are exact decimals of up to 38 digits; a binary float holds 15. So no number of an answer ever becomes
 * one on the way to the screen: `parseExact` gives each as the text it was written in, branded as `Num`.
 */
declare const brand: unique symbol;

/** The text of a JSON number, as it was written: `68123.45`, `-0.5`, `1E-8`. */
export type Num = string & { readonly [brand]: 'number' };

/** What `parseExact` makes of a value of type T: the same with `Num` for every number. */
export type Exact<T> = T extends number
  ? Num
  : T extends string | boolean | null | undefined
    ? T
    : { readonly [K in keyof T]: Exact<T[K]> };

const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** The value of a JSON text with every number as text. Raises SyntaxError. */
export function parseExact(text: string): unknown {
  return JSON.parse(text.replace(STRING_OR_NUMBER, (token) => (token.startsWith('"') ? token : `"${token}"`)));
}
