/**
 * Flash of a cell whose figure has risen or fallen, faded in a few steps. Disabled where reduced motion is requested.
 *
 * Steps, because a smooth fade of a hundred cells paints the page sixty times a second, all the time; and one clock for all
 * of them, so that cells which change together are painted together. The colours are in app.css.
 */
import type { Action } from 'svelte/action';

import { compare, decimal } from './decimal';
import type { Num } from './json';

export interface Change {
  readonly value: Num | null;
  /** Which way it went, if known; by default the figures are compared. */
  readonly direction?: number;
}

const STEPS = 3;
const STEP_MS = 180;

const still = typeof matchMedia === 'undefined' ? { matches: true } : matchMedia('(prefers-reduced-motion: reduce)');
/** Lit cells, with the steps they have left. */
const lit = new Map<HTMLElement, number>();
let timer: ReturnType<typeof setTimeout> | undefined;

export const flash: Action<HTMLElement, Change> = (node, first) => {
  let shown = first.value;
  return {
    update({ value, direction = moved(shown, value) }) {
      const changed = value !== shown;
      shown = value;
      if (!changed || direction === 0 || still.matches || document.visibilityState === 'hidden') return;
      lit.set(node, STEPS);
      node.dataset['flash'] = `${direction > 0 ? 'up' : 'down'}-${STEPS}`;
      timer ??= setTimeout(fade, STEP_MS);
    },
    destroy() {
      lit.delete(node);
    },
  };
};

function moved(before: Num | null, after: Num | null): number {
  return before === null || after === null || before === after ? 0 : compare(decimal(after), decimal(before));
}

function fade(): void {
  for (const [node, left] of lit) {
    if (left > 1) {
      lit.set(node, left - 1);
      node.dataset['flash'] = `${node.dataset['flash']?.split('-')[0]}-${left - 1}`;
    } else {
      lit.delete(node);
      delete node.dataset['flash'];
    }
  }
  timer = lit.size > 0 ? setTimeout(fade, STEP_MS) : undefined;
}
