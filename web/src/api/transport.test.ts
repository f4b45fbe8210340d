import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { ApiError } from './errors';
import { patiently } from './patience';
import { send } from './transport';

const fetched = vi.fn<(path: string, options: RequestInit) => Promise<Response>>();

beforeEach(() => {
  vi.useFakeTimers();
  fetched.mockReset();
  vi.stubGlobal('fetch', fetched);
  vi.stubGlobal('navigator', { languages: ['en'] });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** As a browser does it: no answer until it is aborted. */
function silent(_: string, { signal }: RequestInit): Promise<Response> {
  return new Promise((_resolve, reject) => {
    if (signal?.aborted) reject(signal.reason as Error);
    signal?.addEventListener('abort', () => reject(signal.reason as Error));
  });
}

test('a request works in a browser without AbortSignal.any and AbortSignal.timeout', async () => {
  vi.stubGlobal('AbortSignal', undefined);
  fetched.mockResolvedValue(new Response('{"price":0.10}'));
  expect(await send({ method: 'GET', path: '/', signal: new AbortController().signal })).toEqual({ price: '0.10' });
});

test('a request ends after a while, or when its caller gives up, with the caller’s reason', async () => {
  fetched.mockImplementation(silent);
  const slow = expect(send({ method: 'GET', path: '/' })).rejects.toMatchObject({ code: 'timeout' });
  await vi.advanceTimersByTimeAsync(15_000);
  await slow;
  const caller = new AbortController();
  const left = expect(send({ method: 'GET', path: '/', signal: caller.signal })).rejects.toThrow('left');
  caller.abort(new Error('left'));
  await left;
  await expect(send({ method: 'GET', path: '/', signal: caller.signal })).rejects.toThrow('left');
});

const refused = (status: number, code: string, retryAfterS: number | null) => new ApiError(code, status, '', [], retryAfterS);

test.each([
  [429, 'too_many_requests', 40],
  [503, 'history_busy', 1],
  [503, 'history_unavailable', 1],
])('a wait that the server asks for is kept, and not seen: %s %s', async (status, code, seconds) => {
  const ask = vi.fn<() => Promise<string>>().mockRejectedValueOnce(refused(status, code, seconds)).mockResolvedValue('figures');
  const answer = patiently(ask);
  await vi.advanceTimersByTimeAsync(seconds * 1000 - 1);
  expect(ask).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(await answer).toBe('figures');
});

test.each([
  [429, 'too_many_requests', 3600],
  [503, 'history_unavailable', 2],
  [503, 'prices_unavailable', null],
  [500, 'internal_error', 1],
  [404, 'unknown_symbol', null],
])('what does not pass soon is an error: %s %s', async (status, code, seconds) => {
  const ask = vi.fn<() => Promise<string>>().mockRejectedValue(refused(status, code, seconds));
  const failing = expect(patiently(ask)).rejects.toMatchObject({ code });
  await vi.advanceTimersByTimeAsync(4000);
  await failing;
});

test('a wait ends when the caller gives up', async () => {
  const caller = new AbortController();
  const ask = vi.fn<() => Promise<string>>().mockRejectedValue(refused(429, 'too_many_requests', 10));
  const left = expect(patiently(ask, caller.signal)).rejects.toThrow('left');
  await vi.advanceTimersByTimeAsync(1000);
  caller.abort(new Error('left'));
  await left;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(ask).toHaveBeenCalledTimes(1);
});
