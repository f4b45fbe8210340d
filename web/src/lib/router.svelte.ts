/** Which page is shown. Paths are few and known; profile serves the shell for the same ones (services/profile/web/app.py). */
export type Route =
  | { readonly page: 'portfolio' | 'market' | 'login' | 'register' | 'account' | 'missing' }
  | { readonly page: 'coin'; readonly symbol: string };

const PAGES = { '/': 'portfolio', '/market': 'market', '/login': 'login', '/register': 'register', '/account': 'account' } as const;

/** A slash at the end changes nothing. */
export function parse(address: string): Route {
  const path = address.replace(/(?<=.)\/+$/, '');
  const coin = /^\/coin\/([^/]+)$/.exec(path);
  if (coin?.[1] !== undefined) return { page: 'coin', symbol: decoded(coin[1]).toLowerCase() };
  return { page: PAGES[path as keyof typeof PAGES] ?? 'missing' };
}

/** The page to come back to after logging in, as it may stand in an address: one of ours, or null. */
export function ownPath(text: string | null): string | null {
  if (text === null || !/^\/(?![/\\])[^\s\\]*$/.test(text)) return null;
  const url = new URL(text, location.origin);
  const { page } = parse(url.pathname);
  if (url.origin !== location.origin || page === 'missing' || page === 'login' || page === 'register') return null;
  return url.pathname + url.search;
}

/** Where to log in, or sign up, so that one comes back to where one is. */
export function loginPath(page: 'login' | 'register' = 'login'): string {
  const here = ownPath(new URLSearchParams(location.search).get('next')) ?? ownPath(location.pathname + location.search);
  return here === null || here === '/' ? `/${page}` : `/${page}?next=${encodeURIComponent(here)}`;
}

export function coinPath(symbol: string): string {
  return `/coin/${encodeURIComponent(symbol)}`;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

class Router {
  route: Route = $state.raw(parse(location.pathname));

  constructor() {
    addEventListener('popstate', () => this.#show());
    addEventListener('click', (event) => this.#follow(event));
  }

  /** Show `path`, as a new entry of the history. */
  go(path: string): void {
    if (path !== location.pathname + location.search) history.pushState(null, '', path);
    this.#show();
    scrollTo(0, 0);
  }

  /** Show `path` in place of the page shown now. */
  replace(path: string): void {
    history.replaceState(null, '', path);
    this.#show();
  }

  #show(): void {
    this.route = parse(location.pathname);
  }

  /** Plain clicks on links to pages of ours; everything else stays the browser's. */
  #follow(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (link === null || link.target !== '' || link.hasAttribute('download') || link.origin !== location.origin) return;
    if (parse(link.pathname).page === 'missing') return;
    event.preventDefault();
    this.go(link.pathname + link.search);
  }
}

export const router = new Router();
