import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { ApiError } from '../api/errors';
import { delayMs, poll, type Poll } from './poll';

const page = Object.assign(new EventTarget(), { visibilityState: 'visible' });
let network: EventTarget;
let polled: Poll | undefined;
const ask = vi.fn<(signal: AbortSignal) => Promise<void>>();
const outcome = vi.fn<(error: unknown) => void>();

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('document', page);
  network = new EventTarget();
  vi.stubGlobal('addEventListener', network.addEventListener.bind(network));
  page.visibilityState = 'visible';
  ask.mockReset().mockResolvedValue();
  outcome.mockReset();
});
afterEach(() => {
  polled?.stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const start = (): Poll => (polled = poll({ ask, outcome, everyMs: 1000 }));
const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

function show(state: 'visible' | 'hidden'): void {
  page.visibilityState = state;
  page.dispatchEvent(new Event('visibilitychange'));
}

test('it asks at once, and then every second', async () => {
  start();
  expect(ask).toHaveBeenCalledTimes(1);
  await pass(3000);
  expect(ask).toHaveBeenCalledTimes(4);
});

test('one question at a time, however long it takes', async () => {
  let answer = (): void => undefined;
  ask.mockImplementation(() => new Promise((resolve) => (answer = resolve)));
  const { hurry } = start();
  await pass(5000);
  hurry();
  await pass(5000);
  expect(ask).toHaveBeenCalledTimes(1);
  answer();
  await pass(0);
  expect(ask).toHaveBeenCalledTimes(2);
});

test('a hidden page sends no requests; becoming visible sends one at once', async () => {
  start();
  await pass(0);
  show('hidden');
  await pass(60_000);
  expect(ask).toHaveBeenCalledTimes(1);
  show('visible');
  expect(ask).toHaveBeenCalledTimes(2);
  await pass(1000);
  expect(ask).toHaveBeenCalledTimes(3);
});

test('failures are reported and slow it down; success and being online make it fast again', async () => {
  ask.mockRejectedValue(new ApiError('offline', 0, ''));
  start();
  await pass(60_000);
  expect(outcome).toHaveBeenLastCalledWith(expect.any(ApiError));
  const slow = ask.mock.calls.length;
  expect(slow).toBeLessThan(9);
  ask.mockResolvedValue();
  network.dispatchEvent(new Event('online'));
  await pass(0);
  expect(ask).toHaveBeenCalledTimes(slow + 1);
  expect(outcome).toHaveBeenLastCalledWith(null);
  await pass(2000);
  expect(ask).toHaveBeenCalledTimes(slow + 3);
});

test('Retry-After is respected', () => {
  expect(delayMs(1, 1000, new ApiError('too_many_requests', 429, '', [], 30))).toBe(30_000);
  expect(delayMs(1, 1000, new Error())).toBe(2000);
  expect(delayMs(9, 1000, new Error())).toBe(15_000);
  expect(delayMs(1, 60_000, new Error())).toBe(60_000);
});

test('once stopped, nothing is requested and nothing is reported', async () => {
  let fail = (): void => undefined;
  ask.mockImplementation((signal) => new Promise((_, reject) => (fail = () => reject(signal.reason as Error))));
  const { stop, hurry } = start();
  stop();
  fail();
  hurry();
  show('visible');
  await pass(60_000);
  expect(ask).toHaveBeenCalledTimes(1);
  expect(outcome).not.toHaveBeenCalled();
});
