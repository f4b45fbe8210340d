/**
 * The service worker: keeps the app's shell so that it opens at once and without a network, and keeps nothing else.
 *
 * Answers of the API are never stored: requests for anything outside the shell go to the network untouched. A new
 * version waits until the page requests it (`skip-waiting`), so that no half-filled form is lost by a reload.
 */
/** Path → revision; the build writes it (build/precached.ts). */
declare const __SHELL__: Readonly<Record<string, string>>;

const worker = self as unknown as ServiceWorkerGlobalScope;
const shell = __SHELL__;
const CACHE = `shell-${hash(JSON.stringify(shell))}`;
const PAGES = /^\/((login|register|account|market|coin\/[^/]+)\/?)?$/;

worker.addEventListener('install', (event) => event.waitUntil(store()));
worker.addEventListener('activate', (event) => event.waitUntil(forgetOld()));
worker.addEventListener('message', (event) => {
  if (event.data === 'skip-waiting') void worker.skipWaiting();
});

worker.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== worker.location.origin) return;
  if (request.mode === 'navigate') {
    if (PAGES.test(url.pathname)) event.respondWith(kept('/', request));
  } else if (url.pathname in shell && url.pathname !== '/') {
    event.respondWith(kept(url.pathname, request));
  }
});

async function store(): Promise<void> {
  const cache = await caches.open(CACHE);
  // `reload`: what the browser's own cache holds may be older than this version.
  await cache.addAll(Object.keys(shell).map((path) => new Request(path, { cache: 'reload' })));
}

async function forgetOld(): Promise<void> {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith('shell-') && name !== CACHE).map((name) => caches.delete(name)));
  await worker.clients.claim();
}

async function kept(path: string, request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  return (await cache.match(path)) ?? fetch(request);
}

function hash(text: string): string {
  let value = 0;
  for (const character of text) value = (Math.imul(value, 31) + character.charCodeAt(0)) | 0;
  return (value >>> 0).toString(36);
}
