/** What the list is asked to show. It lives in the page's address, so that Back, a reload and a shared link show the same. */
import { COLUMNS, toggled, type Column, type Order } from './listing';

const DEFAULT_ORDER: Order = { by: 'volume', ascending: false };
const ANY = 'all';

export class View {
  search = $state('');
  order: Order = $state.raw(DEFAULT_ORDER);
  /** In lower case; `all`; or null while none is chosen. */
  #quote: string | null = $state(null);

  constructor(query: string) {
    this.read(query);
  }

  read(query: string): void {
    const parameters = new URLSearchParams(query);
    this.search = (parameters.get('q') ?? '').slice(0, 40);
    this.#quote = parameters.get('quote')?.toLowerCase() ?? null;
    const [by, way] = (parameters.get('sort') ?? '').split('-');
    const column = COLUMNS.find((one) => one === by);
    this.order = column === undefined ? DEFAULT_ORDER : { by: column, ascending: way === 'up' };
  }

  /** The order that the user has chosen. */
  get chosenOrder(): Order | null {
    return this.order === DEFAULT_ORDER ? null : this.order;
  }

  /** What prices are in, or null for any. Volumes compare only in one asset, so unless chosen it is the most usual one. */
  quote(quotes: readonly string[]): string | null {
    const wanted = this.#quote ?? quotes[0] ?? null;
    return wanted === ANY ? null : wanted;
  }

  chooseQuote(quote: string | null): void {
    this.#quote = quote ?? ANY;
    this.#write();
  }

  sortBy(column: Column): void {
    this.order = toggled(this.order, column);
    this.#write();
  }

  find(text: string): void {
    this.search = text;
    this.#write();
  }

  get query(): string {
    const parameters = new URLSearchParams();
    if (this.search !== '') parameters.set('q', this.search);
    if (this.#quote !== null) parameters.set('quote', this.#quote);
    if (this.order !== DEFAULT_ORDER) parameters.set('sort', `${this.order.by}-${this.order.ascending ? 'up' : 'down'}`);
    const text = parameters.toString();
    return text === '' ? '' : `?${text}`;
  }

  #write(): void {
    history.replaceState(history.state, '', location.pathname + this.query);
  }
}
