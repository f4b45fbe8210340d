import { afterEach, beforeEach, expect, test, vi } from 'vitest';

type SessionModule = typeof import('./session.svelte');

const token = (subject: number, name: string): string => `x.${btoa(JSON.stringify({ sub: subject, name }))}.x`;
const fetched = vi.fn<(path: string) => { status: number; body: unknown } | Error>();
let queue: Promise<unknown> = Promise.resolve();
const tabs: SessionModule[] = [];

beforeEach(() => {
  fetched.mockReset();
  queue = Promise.resolve();
  const stored = new Map<string, string>([['session', 'yes']]);
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => stored.set(key, value),
    removeItem: (key: string) => stored.delete(key),
  });
  // As in browsers, the lock is granted in the order of the requests.
  vi.stubGlobal('navigator', {
    languages: ['en'],
    locks: { request: (_: string, work: () => Promise<unknown>) => (queue = queue.then(work, work)) },
  });
  vi.stubGlobal('fetch', async (path: string) => {
    await Promise.resolve();
    const answer = fetched(path);
    if (answer instanceof Error) throw answer;
    return new Response(JSON.stringify(answer.body), { status: answer.status });
  });
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
  tabs.length = 0;
});

const granted = (value: string) => ({ status: 200, body: { access_token: value, expires_in: 900 } });
const refused = { status: 401, body: { error: 'Over.', code: 'invalid_refresh_token' } };

async function tab(): Promise<SessionModule['session']> {
  vi.resetModules();
  const module = await import('./session.svelte');
  tabs.push(module);
  return module.session;
}

test('many who need a token at once cause one refresh', async () => {
  const session = await tab();
  fetched.mockReturnValue(granted(token(1, 'a')));
  const tokens = await Promise.all([session.token(), session.token(), session.token()]);
  expect(new Set(tokens).size).toBe(1);
  expect(fetched).toHaveBeenCalledTimes(1);
  expect(session.state).toBe('in');
});

test('a tab that waited for another’s refresh uses its token', async () => {
  const [first, second] = [await tab(), await tab()];
  let notify: () => void = () => undefined;
  const heard = new Promise<void>((resolve) => (notify = resolve));
  const ear = new BroadcastChannel('session');
  ear.onmessage = () => notify();
  fetched.mockReturnValue(granted(token(1, 'a')));
  const one = first.token();
  queue = queue.then(() => heard); // the second gets the lock when it has heard of the token
  const two = second.token();
  expect(await one).toBe(await two);
  expect(fetched).toHaveBeenCalledTimes(1);
  ear.close();
});

test('an end that the user did not request is marked as expired', async () => {
  const session = await tab();
  fetched.mockReturnValueOnce(granted(token(1, 'a'))).mockReturnValueOnce(refused);
  await session.token();
  await expect(session.renewed()).rejects.toThrow('invalid_refresh_token');
  expect([session.state, session.expired]).toEqual(['out', true]);
});

test('a visitor who never logged in causes no request', async () => {
  localStorage.removeItem('session');
  const session = await tab();
  await session.resume();
  expect(session.state).toBe('out');
  expect(fetched).not.toHaveBeenCalled();
});

test('without a network a person stays logged in, and the token is asked for again later', async () => {
  const session = await tab();
  fetched.mockReturnValueOnce(new TypeError('failed to fetch')).mockReturnValueOnce(granted(token(1, 'a')));
  await session.resume();
  expect(session.state).toBe('in');
  expect(await session.token()).toBe(token(1, 'a'));
});

test('logging out that the server did not hear of is a failure, not an end', async () => {
  const session = await tab();
  fetched.mockReturnValueOnce(granted(token(1, 'a'))).mockReturnValueOnce({ status: 503, body: { code: 'authorization_unavailable', error: '' } });
  await session.token();
  await expect(session.logOut()).rejects.toBeInstanceOf(Error);
  expect(session.state).toBe('in');
});

const accepted = (value: string) => ({ '/v1/refresh': granted(value), '/v1/auth/logout': { status: 200, body: {} } });

/** Answers by path, the first one of each once. */
function answers(...rounds: readonly Readonly<Record<string, { status: number; body: unknown }>>[]): void {
  const asked = new Map<string, number>();
  fetched.mockImplementation((path) => {
    const turn = asked.get(path) ?? 0;
    asked.set(path, turn + 1);
    return rounds.flatMap((round) => round[path] ?? [])[turn] ?? new TypeError(`not expected: ${path}`);
  });
}

test('logging out with a token that is refused is done with a new one', async () => {
  const session = await tab();
  const over = { status: 401, body: { code: 'token_expired', error: '' } };
  answers({ '/v1/refresh': granted(token(1, 'a')), '/v1/auth/logout': over }, accepted(token(1, 'b')));
  await session.token();
  await session.logOut();
  expect([session.state, session.expired]).toEqual(['out', false]);
  expect(fetched.mock.calls.map(([path]) => path)).toEqual(['/v1/refresh', '/v1/auth/logout', '/v1/refresh', '/v1/auth/logout']);
});

test('a session that is over already is left by logging out', async () => {
  const session = await tab();
  answers({ '/v1/refresh': granted(token(1, 'a')), '/v1/auth/logout': refused }, { '/v1/refresh': refused });
  await session.token();
  await session.logOut();
  expect([session.state, session.expired]).toEqual(['out', false]);
});

test('logging out that is refused twice, or to this page, is a failure', async () => {
  for (const answer of [refused, { status: 403, body: { code: 'foreign_origin', error: '' } }]) {
    const session = await tab();
    const round = { '/v1/refresh': granted(token(1, 'a')), '/v1/auth/logout': answer };
    answers(round, { ...round, '/v1/refresh': granted(token(1, 'b')) });
    await session.token();
    await expect(session.logOut()).rejects.toBeInstanceOf(Error);
    expect(session.state).toBe('in');
  }
});

test('a refusal at the start is raised, and ends the waiting', async () => {
  const session = await tab();
  fetched.mockReturnValue({ status: 403, body: { code: 'foreign_origin', error: '' } });
  await expect(session.resume()).rejects.toThrow('foreign_origin');
  expect(session.state).toBe('out');
});

test('nothing secret is stored', async () => {
  const session = await tab();
  const written = vi.spyOn(localStorage, 'setItem');
  fetched.mockReturnValue(granted(token(1, 'a')));
  await session.token();
  expect(written.mock.calls).toEqual([['session', 'yes']]);
});

test.each([
  [refused, true],
  [granted(token(1, 'b')), false],
])('without HTTPS it shows whether the browser kept the login', async (answer, notKept) => {
  vi.stubGlobal('isSecureContext', false);
  const session = await tab();
  fetched.mockReturnValueOnce(granted(token(1, 'a'))).mockReturnValueOnce(answer);
  await session.logIn('ada', 'correct horse');
  expect([session.state, session.notKept]).toEqual(['in', notKept]);
  // The next visit can show why.
  expect((await tab()).notKept).toBe(notKept);
});

test('with HTTPS a login is one request', async () => {
  const session = await tab();
  fetched.mockReturnValueOnce(granted(token(1, 'a')));
  await session.logIn('ada', 'correct horse');
  expect(fetched).toHaveBeenCalledTimes(1);
  expect(session.notKept).toBe(false);
});
