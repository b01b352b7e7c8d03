/**
 * The words of a page that has no translations of ours: those of the source, with their numbers filled in.
 *
 * The same shape as JupyterLab's bundle, so that the views need not know; its runtime stays out of this bundle.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

function fill(text: string, values: unknown[]): string {
  return text.replace(/%(%|\d+)/g, (_, place: string) =>
    place === '%' ? '%' : String(values[Number(place) - 1])
  );
}

export const words: TranslationBundle = {
  __: (msgid, ...args) => fill(msgid, args),
  _n: (msgid, plural, n, ...args) => fill(n === 1 ? msgid : plural, [n, ...args]),
  _p: (_, msgid, ...args) => fill(msgid, args),
  _np: (_, msgid, plural, n, ...args) => fill(n === 1 ? msgid : plural, [n, ...args]),
  gettext: (msgid, ...args) => fill(msgid, args),
  ngettext: (msgid, plural, n, ...args) => fill(n === 1 ? msgid : plural, [n, ...args]),
  pgettext: (_, msgid, ...args) => fill(msgid, args),
  npgettext: (_, msgid, plural, n, ...args) => fill(n === 1 ? msgid : plural, [n, ...args]),
  dcnpgettext: (_, __, msgid, plural, n, ...args) => fill(n === 1 ? msgid : plural, [n, ...args])
};
