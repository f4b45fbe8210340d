/** What the routes take and answer, from the OpenAPI document (schema.d.ts). A change of the contract breaks the build here. */
import type { Exact } from '../lib/json';
import type { components, paths as Paths } from './schema';

export type Method = 'get' | 'post' | 'patch' | 'delete';

/** The paths that know the method. */
export type PathsWith<M extends Method> = {
  [P in keyof Paths]: Paths[P] extends Readonly<Record<M, object>> ? P : never;
}[keyof Paths];

export type Operation<P extends keyof Paths, M extends Method> = Paths[P] extends Readonly<Record<M, infer O>> ? O : never;

type Json<R> = R extends { readonly content: { readonly 'application/json': infer A } } ? A : never;

/** The good answer of an operation, with every number as text. */
export type Answer<O> = O extends { readonly responses: infer R } ? Exact<Json<R[keyof R & (200 | 201)]>> : never;

/** The request's JSON body. Quantities may be decimal text. */
export type Body<O> = O extends { readonly requestBody?: { readonly content: { readonly 'application/json': infer B } } }
  ? B
  : never;

export type Query<O> = O extends { readonly parameters: { readonly query?: infer Q } } ? Exclude<Q, undefined> : never;
export type PathParameters<O> = O extends { readonly parameters: { readonly path: infer P } } ? P : never;

type Schemas = components['schemas'];
export type ProfileDocument = Exact<Schemas['ProfileDocument']>;
export type SessionView = Exact<Schemas['SessionView']>;
export type Price = Exact<Schemas['Price']>;
export type CoverageHour = Exact<Schemas['CoverageHour']>;
export type Candle = Exact<Schemas['Candle']>;
export type ListedSymbol = Exact<Schemas['ListedSymbol']>;
export type Ticket = Exact<Schemas['Ticket']>;
