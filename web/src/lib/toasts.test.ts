import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { toasts } from './toasts.svelte';

const texts = (): readonly string[] => toasts.list.map(({ text }) => text);

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  for (const { id } of toasts.list) toasts.dismiss(id);
  vi.useRealTimers();
});

test('a toast disappears after a while, unless it is pointed at or focused', () => {
  const id = toasts.show('saved');
  toasts.pause(id);
  vi.advanceTimersByTime(60_000);
  expect(texts()).toEqual(['saved']);
  toasts.resume(id);
  vi.advanceTimersByTime(60_000);
  expect(texts()).toEqual([]);
});

test('what waits for an answer stays: for long, among many, under a pointer that leaves, and for the next person', () => {
  const id = toasts.show('a new version', { stays: true });
  toasts.pause(id);
  toasts.resume(id);
  vi.advanceTimersByTime(600_000);
  for (const text of ['1', '2', '3', '4']) toasts.show(text);
  expect(texts()).toEqual(['a new version', '2', '3', '4']);
  toasts.clear();
  expect(texts()).toEqual(['a new version']);
});

test('once cleared, nothing can be taken back', () => {
  const run = vi.fn();
  toasts.show('removed', { action: { label: 'Undo', run }, undoes: true });
  toasts.clear();
  expect(toasts.undo()).toBe(false);
  expect(run).not.toHaveBeenCalled();
});
