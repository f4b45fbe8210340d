/** What a copied selection becomes: figures to their last digit, in plain notation, and rows of a table as lines with tabs. */

/** A selection within one figure is that figure; one over rows of a table is these rows; any other is the browser's. */
export function copied(selection: Selection): string | null {
  if (selection.isCollapsed || selection.rangeCount === 0) return null;
  const range = selection.getRangeAt(0);
  const within = elementOf(range.commonAncestorContainer);
  const figure = within?.closest<HTMLElement>('[data-exact]');
  const chosen = selection.toString().trim();
  if (figure && [figure, ...figure.querySelectorAll('.figure')].some((one) => one.textContent?.trim() === chosen)) return figure.dataset['exact'] ?? null;
  const table = within?.closest('[role=table]') ?? within?.querySelector('[role=table]');
  if (!table || within?.closest('[role=cell]')) return null;
  const rows = [...table.querySelectorAll('[role=row]')].filter((row) => range.intersectsNode(row));
  return rows.length === 0 ? null : tsv(rows.map(cellsOf));
}

/** Every row of the table. */
export function tableText(table: Element): string {
  return tsv([...table.querySelectorAll('[role=row]')].map(cellsOf));
}

export function tsv(rows: readonly (readonly string[])[]): string {
  return rows.map((cells) => cells.map((cell) => cell.replace(/\s+/g, ' ').trim()).join('\t')).join('\n');
}

function cellsOf(row: Element): readonly string[] {
  const cells = [...row.querySelectorAll<HTMLElement>('[role=cell], [role=columnheader]')].filter((cell) => !cell.classList.contains('actions') && !cell.classList.contains('line'));
  return cells.map((cell) => cell.dataset['exact'] ?? cell.querySelector<HTMLElement>('[data-exact]')?.dataset['exact'] ?? cell.textContent ?? '');
}

function elementOf(node: Node): Element | null {
  return node instanceof Element ? node : node.parentElement;
}

/** Have everything that is copied from the page go through `copied`. */
export function oncopy(event: ClipboardEvent): void {
  const selection = getSelection();
  const text = selection === null ? null : copied(selection);
  if (text === null || event.clipboardData === null) return;
  event.clipboardData.setData('text/plain', text);
  event.preventDefault();
}
