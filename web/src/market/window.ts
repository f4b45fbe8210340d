/** Which rows of a long list are near what is seen: only those are in the document. All rows have one height. */
export interface Slice {
  readonly first: number;
  /** Exclusive. */
  readonly end: number;
}

export interface Viewport {
  /** px: from the list's top to the viewport's; negative while the list begins further down. */
  readonly top: number;
  readonly height: number;
}

/** Rows kept ready beyond either edge. */
const BEYOND = 8;

/** The rows to show. It moves in steps of `BEYOND / 2` rows, so that most scrolling changes nothing. */
export function sliceOf({ top, height }: Viewport, rowHeight: number, count: number): Slice {
  const step = BEYOND / 2;
  const first = Math.floor((Math.floor(top / rowHeight) - BEYOND) / step) * step;
  const end = Math.ceil((Math.ceil((top + height) / rowHeight) + BEYOND) / step) * step;
  return { first: clamp(first, count), end: clamp(end, count) };
}

/** The slice's indices, and `kept` (the row with the focus, which must not vanish) wherever it is; in order. */
export function indices({ first, end }: Slice, kept: number | null, count: number): readonly number[] {
  const shown = Array.from({ length: end - first }, (_, index) => first + index);
  if (kept === null || kept < 0 || kept >= count || (kept >= first && kept < end)) return shown;
  return kept < first ? [kept, ...shown] : [...shown, kept];
}

/** How far to scroll so that a row is seen whole between `inset` (what covers the viewport's top) and its bottom; 0: it is. */
export function scrollTo(index: number, rowHeight: number, { top, height }: Viewport, inset: number): number {
  const above = index * rowHeight - (top + inset);
  if (above < 0) return above;
  return Math.max(0, (index + 1) * rowHeight - (top + height));
}

function clamp(value: number, count: number): number {
  return Math.min(Math.max(value, 0), count);
}
