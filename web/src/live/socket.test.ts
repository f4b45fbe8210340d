import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { ApiError } from '../api/errors';
import { delayMs, LiveSocket, type Connection } from './socket';

const post = vi.hoisted(() => vi.fn());
vi.mock('../api/client', () => ({ post }));

class FakeSocket {
  static made: FakeSocket[] = [];
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  closed = false;

  constructor(
    readonly url: URL,
    readonly protocols: readonly string[],
  ) {
    FakeSocket.made.push(this);
  }

  close(): void {
    this.closed = true;
  }
}

const page = Object.assign(new EventTarget(), { visibilityState: 'visible' });
const network = { onLine: true };
let heard: { frames: string[]; states: Connection['state'][] };
let live: LiveSocket;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('WebSocket', FakeSocket);
  vi.stubGlobal('document', page);
  vi.stubGlobal('navigator', network);
  vi.stubGlobal('location', { href: 'https://coins.example/' });
  const target = new EventTarget();
  for (const name of ['addEventListener', 'removeEventListener', 'dispatchEvent'] as const) vi.stubGlobal(name, target[name].bind(target));
  network.onLine = true;
  FakeSocket.made = [];
  post.mockReset().mockImplementation(() => Promise.resolve({ subprotocol: `ticket.${post.mock.calls.length}` }));
  heard = { frames: [], states: [] };
  live = new LiveSocket(
    {
      frame: (text) => heard.frames.push(text),
      connection: ({ state }) => heard.states.push(state),
    },
    () => 1,
  );
});

afterEach(() => {
  live.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function opened(): Promise<FakeSocket> {
  await vi.advanceTimersByTimeAsync(0);
  const socket = FakeSocket.made.at(-1);
  if (socket === undefined) throw new Error('no websocket was made');
  return socket;
}

test('it offers the protocol and a ticket of its own, and hands over every frame', async () => {
  live.open();
  const socket = await opened();
  expect(socket.url.href).toBe('wss://coins.example/v2/user/profile/ws?detail=full');
  expect(socket.protocols).toEqual(['crypto-service.v1', 'ticket.1']);
  socket.onmessage?.({ data: 'a' });
  socket.onmessage?.({ data: 'b' });
  expect(heard.frames).toEqual(['a', 'b']);
  expect(heard.states).toEqual(['connecting', 'open']);
});

test('a lost connection is made again with a new ticket, soon and then ever more slowly', async () => {
  live.open();
  (await opened()).onmessage?.({ data: 'a' });
  for (const [attempt, wait] of [500, 1000, 2000].entries()) {
    FakeSocket.made.at(-1)?.onclose?.({ code: 1012 });
    expect(heard.states.at(-1)).toBe('waiting');
    await vi.advanceTimersByTimeAsync(wait - 1);
    expect(FakeSocket.made).toHaveLength(attempt + 1);
    await vi.advanceTimersByTimeAsync(1);
    expect(FakeSocket.made).toHaveLength(attempt + 2);
  }
  expect(new Set(FakeSocket.made.map(({ protocols }) => protocols[1])).size).toBe(4);
});

test('after a frame the next loss is a first one again', async () => {
  live.open();
  (await opened()).onclose?.({ code: 1006 });
  await vi.advanceTimersByTimeAsync(1000);
  (await opened()).onmessage?.({ data: 'a' });
  FakeSocket.made.at(-1)?.onclose?.({ code: 1006 });
  await vi.advanceTimersByTimeAsync(500);
  expect(FakeSocket.made).toHaveLength(3);
});

test('a silent connection is given up', async () => {
  live.open();
  const silent = await opened();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(silent.closed).toBe(true);
  expect(heard.states.at(-1)).toBe('waiting');
});

test('after the session has ended nothing is retried', async () => {
  live.open();
  const socket = await opened();
  post.mockRejectedValue(new ApiError('invalid_refresh_token', 401, ''));
  socket.onclose?.({ code: 4401 });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(heard.states.at(-1)).toBe('closed');
  expect(post).toHaveBeenCalledTimes(2);
});

test('a server that cannot give tickets now is asked again', async () => {
  post.mockRejectedValueOnce(new ApiError('redis_unavailable', 503, ''));
  live.open();
  await vi.advanceTimersByTimeAsync(1000);
  expect(FakeSocket.made).toHaveLength(1);
});

test('a connection that works is kept on a device without a network: the server may be on it', async () => {
  live.open();
  const socket = await opened();
  socket.onmessage?.({ data: 'a' });
  network.onLine = false;
  dispatchEvent(new Event('offline'));
  page.dispatchEvent(new Event('visibilitychange'));
  socket.onmessage?.({ data: 'b' });
  expect(socket.closed).toBe(false);
  expect(heard.states).toEqual(['connecting', 'open']);
});

test('a loss without a network is shown as offline, and is retried all the same', async () => {
  live.open();
  (await opened()).onmessage?.({ data: 'a' });
  network.onLine = false;
  post.mockRejectedValueOnce(new ApiError('offline', 0, ''));
  FakeSocket.made[0]?.onclose?.({ code: 1006 });
  await vi.advanceTimersByTimeAsync(1500);
  FakeSocket.made[1]?.onmessage?.({ data: 'b' });
  expect(heard.states).toEqual(['connecting', 'open', 'offline', 'offline', 'offline', 'offline', 'open']);
});

test('the network’s return ends the waiting', async () => {
  live.open();
  await opened();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(FakeSocket.made).toHaveLength(1);
  dispatchEvent(new Event('online'));
  await opened();
  expect(FakeSocket.made).toHaveLength(2);
});

test('a connection that has been silent for long is replaced without a word', async () => {
  live.open();
  const silent = await opened();
  silent.onmessage?.({ data: 'a' });
  await vi.advanceTimersByTimeAsync(30_000);
  expect(FakeSocket.made).toHaveLength(2);
  expect(silent.closed).toBe(false);
  FakeSocket.made[1]?.onmessage?.({ data: 'b' });
  expect(silent.closed).toBe(true);
  expect(heard.frames).toEqual(['a', 'b']);
  expect(heard.states).toEqual(['connecting', 'open']);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(FakeSocket.made).toHaveLength(3);
});

test('a silent connection that cannot be replaced is lost', async () => {
  live.open();
  const silent = await opened();
  silent.onmessage?.({ data: 'a' });
  post.mockReturnValueOnce(new Promise(() => undefined)); // as of a server that is frozen
  await vi.advanceTimersByTimeAsync(40_000);
  expect(silent.closed).toBe(true);
  expect(heard.states).toEqual(['connecting', 'open', 'waiting']);
});

test('a connection that speaks again while another is made is the one that counts', async () => {
  live.open();
  const silent = await opened();
  silent.onmessage?.({ data: 'a' });
  await vi.advanceTimersByTimeAsync(30_000);
  silent.onmessage?.({ data: 'b' });
  expect(FakeSocket.made.map(({ closed }) => closed)).toEqual([false, true]);
  await vi.advanceTimersByTimeAsync(29_999);
  expect(FakeSocket.made).toHaveLength(2);
  expect(heard.frames).toEqual(['a', 'b']);
});

test('who comes back to the page after a long silence does not wait for the timers of a page unseen', async () => {
  live.open();
  (await opened()).onmessage?.({ data: 'a' });
  page.dispatchEvent(new Event('visibilitychange'));
  await opened();
  expect(FakeSocket.made).toHaveLength(1);
  vi.setSystemTime(Date.now() + 30_000);
  page.dispatchEvent(new Event('visibilitychange'));
  await opened();
  expect(FakeSocket.made).toHaveLength(2);
  expect(heard.states).toEqual(['connecting', 'open']);
});

test('what was closed meanwhile opens nothing when its ticket comes', async () => {
  live.open();
  live.close();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(FakeSocket.made).toHaveLength(0);
});

test('delays grow to a bound and are spread by chance', () => {
  expect([0, 1, 2, 3, 50].map((attempt) => delayMs(attempt, () => 1))).toEqual([500, 1000, 2000, 4000, 15_000]);
  expect(delayMs(50, () => 0)).toBe(7500);
});
