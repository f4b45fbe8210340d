/**
 * The session. The access token lives in this object alone, never in storage; the refresh token in a cookie that no
 * script can read.
 *
 * Tabs share the cookie, whose token changes at each use. So only one tab refreshes at a time (Web Locks), and
 * sends the others what it received (BroadcastChannel); a tab that waited for the lock finds a fresh token and requests none.
 */
import { ApiError } from '../api/errors';
import { send, type Request_ } from '../api/transport';
import type { Answer, Operation } from '../api/types';
import { remembered } from '../lib/remembered';

type Tokens = Pick<Answer<Operation<'/v1/refresh', 'post'>>, 'access_token' | 'expires_in'>;
type SessionMessage = { readonly kind: 'token'; readonly token: string; readonly expiresAt: number } | { readonly kind: 'ended' };

const EARLY_MS = 30_000;
/** Only a hint that asking for a token may succeed: it spares visitors who never logged in a refused request. */
const hint = remembered<'yes'>('session', ['yes']);
/** The last login was not kept by this browser: the next visit can show why it is over. */
const lost = remembered<'yes'>('session-not-kept', ['yes']);

export type SessionState = 'unknown' | 'in' | 'out';

class Session {
  /** `unknown` until the first answer about the cookie. */
  state: SessionState = $state('unknown');
  /** Whether it ended without this person asking for it: elsewhere, or by age. */
  expired = $state(false);
  /** Whether the browser dropped the cookie of the last login, as it does with a `Secure` one on a page without HTTPS. */
  notKept = $state(lost.read() !== null && !isSecure());

  #token: string | null = null;
  #subject: string | null = null;
  #expiresAt = 0;
  #renewing: Promise<string> | null = null;
  #channel = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel('session');

  constructor() {
    this.#channel?.addEventListener('message', (event: MessageEvent<SessionMessage>) => this.#hear(event.data));
  }

  /**
   * Find out, at the start, whether a session exists. If the server cannot be reached, the next request asks again.
   * Raises what refuses to answer for good.
   */
  async resume(): Promise<void> {
    if (hint.read() === null) {
      this.state = 'out';
      return;
    }
    try {
      await this.token();
    } catch (error) {
      // Out of reach, yet probably logged in: the page shows what it has, and that it is offline.
      if (error instanceof ApiError && error.passing) this.state = 'in';
      else if (this.state === 'unknown') {
        this.state = 'out';
        throw error;
      }
    }
  }

  async register(name: string, password: string): Promise<void> {
    await send({ method: 'POST', path: '/v1/register', body: { name, password } });
    await this.logIn(name, password);
  }

  async logIn(name: string, password: string): Promise<void> {
    this.#accept((await send({ method: 'POST', path: '/v1/login', body: { name, password } })) as Tokens);
    if (isSecure()) this.#kept(true);
    else await this.#tryCookie();
  }

  /** Without HTTPS the cookie may be gone. No script can see it: asking for a token shows it. */
  async #tryCookie(): Promise<void> {
    try {
      this.#accept((await send({ method: 'POST', path: '/v1/refresh' })) as Tokens);
      this.#kept(true);
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) this.#kept(false);
    }
  }

  #kept(kept: boolean): void {
    this.notKept = !kept;
    lost.write(kept ? null : 'yes');
  }

  /** End the session, here and in every tab. Raises ApiError when it could not be ended. */
  async logOut(): Promise<void> {
    try {
      await this.send({ method: 'POST', path: '/v1/auth/logout' });
    } catch (error) {
      // A cookie that is refused has ended it already; any other would log in again, so this is an error.
      if (this.state !== 'out') throw error;
    }
    this.expired = false;
    this.forget();
  }

  /** The session is over, and so it is in every tab. */
  forget(): void {
    this.#end();
    this.#channel?.postMessage({ kind: 'ended' } satisfies SessionMessage);
  }

  /** The answer to a request of this session. Raises ApiError: 401 when there is no session (any more). */
  async send(request: Request_): Promise<unknown> {
    try {
      return await send({ ...request, token: await this.token() });
    } catch (error) {
      // Expired on its way, or by a clock that is wrong: once more with a new one. Nothing was done, so this is safe.
      if (!(error instanceof ApiError) || error.status !== 401 || this.state === 'out') throw error;
      return await send({ ...request, token: await this.renewed() });
    }
  }

  /** An access token that is valid for a while. Raises ApiError: 401 when there is no session (any more). */
  async token(): Promise<string> {
    if (this.#token !== null && Date.now() < this.#expiresAt - EARLY_MS) return this.#token;
    return this.renewed();
  }

  /** A new access token, even if the old one looked good. */
  renewed(): Promise<string> {
    this.#renewing ??= this.#renew(this.#token).finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  async #renew(old: string | null): Promise<string> {
    return oneTabAtATime(async () => {
      const current = this.#token;
      if (current !== null && current !== old) return current; // another tab renewed it while this one waited
      try {
        return this.#accept((await send({ method: 'POST', path: '/v1/refresh' })) as Tokens);
      } catch (error) {
        if (error instanceof ApiError && error.status === 401) {
          this.expired = this.state === 'in';
          this.#end();
        }
        throw error;
      }
    });
  }

  #accept({ access_token, expires_in }: Tokens): string {
    const message = { kind: 'token', token: access_token, expiresAt: Date.now() + Number(expires_in) * 1000 } as const;
    this.#take(message);
    this.#channel?.postMessage(message satisfies SessionMessage);
    return access_token;
  }

  #hear(message: SessionMessage): void {
    if (message.kind === 'token') this.#take(message);
    else this.#end();
  }

  #take({ token, expiresAt }: Extract<SessionMessage, { kind: 'token' }>): void {
    const subject = subjectOf(token);
    // Another user logged in, here or in another tab: nothing of the previous one may stay on the page.
    if (this.#subject !== null && this.#subject !== subject) this.#changed();
    this.#subject = subject;
    this.#token = token;
    this.#expiresAt = expiresAt;
    this.expired = false;
    this.state = 'in';
    hint.write('yes');
  }

  #changed(): void {
    location.assign('/');
  }

  #end(): void {
    this.#token = this.#subject = null;
    this.#expiresAt = 0;
    this.state = 'out';
    hint.write(null);
  }
}

function isSecure(): boolean {
  return typeof isSecureContext === 'undefined' || isSecureContext;
}

/** The user a token belongs to, to distinguish two users; the server verifies it. */
function subjectOf(token: string): string {
  const payload = token.split('.')[1] ?? '';
  const { sub } = JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/'))) as { sub?: unknown };
  return String(sub);
}

/** Without Web Locks (pages that are not served securely have none) the server's grace for spent tokens has to do. */
async function oneTabAtATime(work: () => Promise<string>): Promise<string> {
  return 'locks' in navigator ? await navigator.locks.request('session', work) : await work();
}

export const session = new Session();
