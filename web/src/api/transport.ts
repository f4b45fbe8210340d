/** One request and its answer: bounded in time, exact in its numbers, every failure an `ApiError`. */
import { clock } from '../lib/clock.svelte';
import { parseExact } from '../lib/json';
import { deadline } from '../lib/signals';
import { ApiError } from './errors';

const TIMEOUT_MS = 15_000;

export interface Request_ {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly body?: unknown;
  readonly token?: string | null;
  readonly signal?: AbortSignal;
  /** `no-cache`: the browser's cached copy is used if the server confirms it (304). Default: nothing is cached. */
  readonly cache?: 'no-store' | 'no-cache';
}

/** The answer's JSON. Raises ApiError; or the signal's own reason when the caller gave up. */
export async function send({ method, path, body, token, signal, cache = 'no-store' }: Request_): Promise<unknown> {
  const headers = new Headers({ Accept: 'application/json' });
  if (body !== undefined) headers.set('Content-Type', 'application/json');
  if (token) headers.set('Authorization', `Bearer ${token}`);
  const limit = deadline(TIMEOUT_MS, signal);
  const options: RequestInit = { method, headers, cache, signal: limit.signal };
  if (body !== undefined) options.body = JSON.stringify(body);
  try {
    const response = await fetch(path, options);
    clock.hear(response.headers.get('Date'));
    const text = await response.text();
    if (!response.ok) throw failure(response, text);
    return text === '' ? null : parseExact(text);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof ApiError) throw error;
    throw new ApiError(limit.isOver() ? 'timeout' : error instanceof SyntaxError ? 'internal_error' : 'offline', 0, '');
  } finally {
    limit.end();
  }
}

function failure(response: Response, text: string): ApiError {
  const retryAfter = Number(response.headers.get('Retry-After') ?? NaN);
  const { error = '', code = 'internal_error', near = [] } = described(text);
  return new ApiError(code, response.status, error, near, Number.isFinite(retryAfter) ? retryAfter : null);
}

/** A proxy in between may answer with anything. */
function described(text: string): { error?: string; code?: string; near?: readonly string[] } {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
