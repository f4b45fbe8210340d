import { beforeEach, expect, test, vi } from 'vitest';

import type { Num } from './json';

const motion = vi.hoisted(() => {
  const motion = { matches: false };
  vi.stubGlobal('matchMedia', () => motion);
  vi.stubGlobal('document', { visibilityState: 'visible' });
  return motion;
});

const { flash } = await import('./flash');

beforeEach(() => {
  motion.matches = false;
});

/** The flash of a cell that shows the first figure, then the second. */
function lit(before: string | null, after: string | null, direction?: number): string | undefined {
  const node = { dataset: {} } as HTMLElement;
  const cell = flash(node, { value: before as Num | null }) as { update(change: object): void; destroy(): void };
  cell.update({ value: after, ...(direction === undefined ? {} : { direction }) });
  cell.destroy();
  return node.dataset['flash'];
}

test('a cell lights up when its figure rises or falls, compared as a number and not as text', () => {
  expect([lit('9.5', '10'), lit('10', '9.5'), lit('-1', '-2')]).toEqual(['up-3', 'down-3', 'down-3']);
});

test('the same figure, the same written otherwise, the first and the last do not light up', () => {
  expect([lit('1', '1'), lit('1.0', '1'), lit(null, '1'), lit('1', null)]).toEqual([undefined, undefined, undefined, undefined]);
});

test('a given direction takes precedence', () => {
  expect([lit('1', '2', -1), lit('1', '2', 0)]).toEqual(['down-3', undefined]);
});

test('reduced motion has no flash', () => {
  motion.matches = true;
  expect(lit('1', '2')).toBeUndefined();
});
