/** Which code shows which route, and for whom. Each page is a chunk of its own, loaded when first shown. */
import type { Component } from 'svelte';

import { money } from './lib/format';
import { headline } from './lib/headline.svelte';
import type { Num } from './lib/json';
import type { Route } from './lib/router.svelte';
import { pairOf } from './market/directory.svelte';
import type { SessionState } from './session/session.svelte';
import { t } from './ui/messages';

// The coin page takes a symbol, the others nothing.
type Page = Component<any>;

export interface PageSource {
  readonly title: () => string;
  readonly load: () => Promise<{ readonly default: Page }>;
}

const PAGES = {
  portfolio: { title: () => t('portfolio'), load: () => import('./portfolio/PortfolioPage.svelte') },
  market: { title: () => t('market'), load: () => import('./market/MarketPage.svelte') },
  coin: { title: () => '', load: () => import('./coin/CoinPage.svelte') },
  account: { title: () => t('account'), load: () => import('./account/AccountPage.svelte') },
  login: { title: () => t('logIn'), load: () => import('./session/LoginPage.svelte') },
  register: { title: () => t('signUp'), load: () => import('./session/LoginPage.svelte') },
  missing: { title: () => t('missing'), load: () => import('./ui/MissingPage.svelte') },
} as const satisfies Record<Route['page'], PageSource>;

const PRIVATE = new Set<Route['page']>(['portfolio', 'account']);
const FOR_STRANGERS = new Set<Route['page']>(['login', 'register']);

/** The page to show; null while the state of the session is unknown. */
export function pageOf(route: Route, state: SessionState): PageSource | null {
  if (PRIVATE.has(route.page)) return state === 'unknown' ? null : state === 'in' ? PAGES[route.page] : PAGES.login;
  if (FOR_STRANGERS.has(route.page)) return state === 'unknown' ? null : state === 'in' ? PAGES.portfolio : PAGES[route.page];
  return PAGES[route.page];
}

/** `12,345.67 · Portfolio`: the total first, where a narrow tab still shows it; or the page's own `headline`. */
export function titleOf(route: Route, page: PageSource | null, { total }: { readonly total: Num | null }): string {
  if (headline.text !== null) return [headline.text, t('appName')].join(' · ');
  const title = route.page === 'coin' ? pairOf(route.symbol).base : (page?.title() ?? '');
  return [total === null ? '' : money(total), title, t('appName')].filter((part) => part !== '').join(' · ');
}
