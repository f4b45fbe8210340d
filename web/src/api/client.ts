/** The API by path and method, typed by its OpenAPI document, as the person who is logged in. */
import { session } from '../session/session.svelte';
import { patiently } from './patience';
import { send } from './transport';
import type { Answer, Body, Method, Operation, PathParameters, PathsWith, Query } from './types';

interface Options<O> {
  readonly query?: Query<O>;
  readonly path?: PathParameters<O>;
  readonly body?: Body<O>;
  readonly signal?: AbortSignal;
}

/** GET, repeated where the server asks for a moment. Raises ApiError. */
export function get<P extends PathsWith<'get'>>(path: P, options: Options<Operation<P, 'get'>> = {}) {
  return patiently(() => call('get', path, options), options.signal);
}

export function post<P extends PathsWith<'post'>>(path: P, options: Options<Operation<P, 'post'>> = {}) {
  return call('post', path, options);
}

export function patch<P extends PathsWith<'patch'>>(path: P, options: Options<Operation<P, 'patch'>> = {}) {
  return call('patch', path, options);
}

export function remove<P extends PathsWith<'delete'>>(path: P, options: Options<Operation<P, 'delete'>> = {}) {
  return call('delete', path, options);
}

/** Market routes are public: requests carry no token, so that no state of the session can fail them, and are conditional. */
const OPEN = '/v1/market/';

async function call<P extends PathsWith<M>, M extends Method>(
  method: M,
  path: P,
  { query, path: parameters, body, signal }: Options<Operation<P, M>>,
): Promise<Answer<Operation<P, M>>> {
  const request = {
    method: method.toUpperCase(),
    path: filled(path, parameters ?? {}) + encoded(query ?? {}),
    ...(body === undefined ? {} : { body }),
    ...(signal === undefined ? {} : { signal }),
  };
  if (path.startsWith(OPEN)) return (await send({ ...request, cache: 'no-cache' })) as Answer<Operation<P, M>>;
  return (await session.send(request)) as Answer<Operation<P, M>>;
}

function filled(path: string, parameters: object): string {
  const values = new Map<string, unknown>(Object.entries(parameters));
  return path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(values.get(name))));
}

function encoded(query: object): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  const text = new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString();
  return text === '' ? '' : `?${text}`;
}
