import { afterEach, beforeEach, expect, test, vi } from 'vitest';

type Updates = (typeof import('./updates.svelte'))['updates'];

const reload = vi.fn();
let worker: EventTarget & { controller: object | null; register: () => Promise<EventTarget> };
let registration: EventTarget & { waiting: { postMessage: (message: string) => void } | null; installing: EventTarget | null };

beforeEach(() => {
  reload.mockReset();
  registration = Object.assign(new EventTarget(), { waiting: null, installing: null });
  worker = Object.assign(new EventTarget(), { controller: {}, register: () => Promise.resolve(registration) });
  vi.stubGlobal('navigator', { serviceWorker: worker });
  vi.stubGlobal('document', Object.assign(new EventTarget(), { visibilityState: 'visible' }));
  vi.stubGlobal('location', { reload });
});
afterEach(() => {
  vi.unstubAllGlobals();
});

async function watched(): Promise<Updates> {
  vi.resetModules();
  const { updates } = await import('./updates.svelte');
  await updates.watch();
  return updates;
}

const takeOver = (): boolean => worker.dispatchEvent(new Event('controllerchange'));

test('a version that waits is offered, and shown once it has taken over', async () => {
  const postMessage = vi.fn();
  registration.waiting = { postMessage };
  const updates = await watched();
  expect(updates.ready).toBe(true);
  updates.take();
  expect(postMessage).toHaveBeenCalledWith('skip-waiting');
  expect(reload).not.toHaveBeenCalled();
  takeOver();
  expect(reload).toHaveBeenCalledTimes(1);
});

test('a version that arrives is offered when it waits', async () => {
  const updates = await watched();
  const installing = new EventTarget();
  registration.installing = installing;
  registration.dispatchEvent(new Event('updatefound'));
  expect(updates.ready).toBe(false);
  registration.waiting = { postMessage: vi.fn() };
  installing.dispatchEvent(new Event('statechange'));
  expect(updates.ready).toBe(true);
});

test('a version that another tab has let in is offered here, too', async () => {
  const updates = await watched();
  takeOver();
  expect(updates.ready).toBe(true);
  expect(reload).not.toHaveBeenCalled();
  updates.take();
  expect(reload).toHaveBeenCalledTimes(1);
});

test('the first worker of all is no newer version; the one after it is', async () => {
  worker.controller = null;
  const updates = await watched();
  takeOver();
  expect(updates.ready).toBe(false);
  takeOver();
  expect(updates.ready).toBe(true);
});
