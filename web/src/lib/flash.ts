/** A cell lights up when its figure has risen or fallen. Not for whoever asked for less motion. */
import type { Action } from 'svelte/action';

export interface Change {
  readonly value: unknown;
  readonly direction: -1 | 0 | 1;
}

const still = typeof matchMedia === 'undefined' ? { matches: true } : matchMedia('(prefers-reduced-motion: reduce)');

export const flash: Action<HTMLElement, Change> = (node, first) => {
  let shown = first.value;
  return {
    update({ value, direction }) {
      const changed = value !== shown;
      shown = value;
      if (!changed || direction === 0 || still.matches || document.visibilityState === 'hidden') return;
      const colour = direction > 0 ? 'var(--up-soft)' : 'var(--down-soft)';
      node.animate({ backgroundColor: [colour, 'transparent'] }, { duration: 900, easing: 'ease-out' });
    },
  };
};
