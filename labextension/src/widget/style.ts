/**
 * The styles of a widget, put once into the page or the shadow root that it stands in.
 */
import card from '../../style/card.css';
import colors from '../../style/colors.css';
import progress from '../../style/progress.css';
import tables from '../../style/tables.css';
import widget from '../../style/widget.css';

const ID = 'dask-steward-widget-style';

/** The class of a widget in a page without JupyterLab's theme, and of one that is dark. */
export const ALONE = 'dsk-mod-alone';
export const DARK = 'dsk-mod-dark';

/** Colours are bound to the page's root; a widget that stands alone is a root of its own. */
function text(): string {
  const bound = colors
    .replace(':root', `:root, .${ALONE}`)
    .replace("body[data-jp-theme-light='false']", `$&, .${ALONE}.${DARK}`);
  return [bound, card, tables, progress, widget].join('\n');
}

/** Put the styles where an element stands, and say how the page looks: classes for the element. */
export function dress(element: HTMLElement): void {
  const root = element.getRootNode();
  const place = root instanceof ShadowRoot ? root : document.head;
  if (!place.querySelector(`#${ID}`)) {
    const style = document.createElement('style');
    style.id = ID;
    style.textContent = text();
    place.append(style);
  }
  const themed = getComputedStyle(document.documentElement).getPropertyValue('--jp-layout-color1');
  element.classList.toggle(ALONE, themed === '');
  element.classList.toggle(DARK, themed === '' && isDark());
}

function isDark(): boolean {
  const { body, documentElement } = document;
  const kind = body.dataset.vscodeThemeKind;
  if (kind !== undefined) {
    return kind.includes('dark') || kind === 'vscode-high-contrast';
  }
  const said = [body, documentElement].some(
    one => one.classList.contains('dark') || one.dataset.theme === 'dark'
  );
  const light = [body, documentElement].some(one => one.classList.contains('light'));
  return said || (!light && window.matchMedia?.('(prefers-color-scheme: dark)').matches);
}
