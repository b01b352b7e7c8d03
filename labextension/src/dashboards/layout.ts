/**
 * Plots by name, layouts of several, and URLs of dashboards: pure functions.
 */
import type { DockLayout } from '@lumino/widgets';

import type { IPlot } from '../tokens';

/** Where a plot goes, beside another one. */
export interface ILayoutItem {
  /** The title or the path of a plot, such as `Task Stream` or `individual-task-stream`. */
  plot: string;
  mode?: DockLayout.InsertMode;
  /** The plot (of the same layout) that `mode` is about; without one, the tab that is open. */
  ref?: string;
}

/** A layout in the order in which it can be opened, and what of it cannot. */
export interface IResolvedLayout {
  items: { plot: IPlot; mode: DockLayout.InsertMode; ref: IPlot | null }[];
  /** Names of plots that this dashboard does not have. */
  unknown: string[];
}

/** Letters and digits alone, without what Dask puts in front of the path of a single plot. */
function folded(name: string): string {
  return name
    .toLowerCase()
    .replace(/^\/+/, '')
    .replace(/^individual-/, '')
    .replace(/[^a-z0-9]+/g, '');
}

/**
 * The plot that a name means, or null.
 *
 * Dask has renamed plots between versions, so case, spaces and dashes do not matter.
 */
export function findPlot(plots: readonly IPlot[], name: string): IPlot | null {
  const exact = plots.find(plot => plot.path === name || plot.title === name);
  if (exact) {
    return exact;
  }
  const wanted = folded(name);
  return plots.find(plot => folded(plot.title) === wanted || folded(plot.path) === wanted) ?? null;
}

/**
 * The order in which a layout can be opened: each plot after the one it refers to.
 *
 * A `ref` to a plot that is not in the layout, or plots that refer to each other in a circle, lose
 * their `ref`, since a plot at another place is better than none.
 */
export function resolveLayout(
  items: readonly ILayoutItem[],
  plots: readonly IPlot[]
): IResolvedLayout {
  const unknown: string[] = [];
  const known = new Map<string, ILayoutItem>();
  for (const item of items) {
    const plot = findPlot(plots, item.plot);
    if (!plot) {
      unknown.push(item.plot);
    } else if (!known.has(plot.path)) {
      known.set(plot.path, item);
    }
  }
  const byPath = new Map(plots.map(plot => [plot.path, plot]));
  const done: IResolvedLayout['items'] = [];
  const placed = new Set<string>();
  const visit = (path: string, asking: ReadonlySet<string>): void => {
    const item = known.get(path);
    const plot = byPath.get(path);
    if (!item || !plot || placed.has(path)) {
      return;
    }
    const ref = item.ref ? findPlot(plots, item.ref) : null;
    if (ref && known.has(ref.path) && !asking.has(ref.path)) {
      visit(ref.path, new Set([...asking, path]));
    }
    if (placed.has(path)) {
      return;
    }
    placed.add(path);
    done.push({
      plot,
      mode: item.mode ?? 'tab-after',
      ref: ref && ref.path !== path && placed.has(ref.path) ? ref : null
    });
  };
  for (const path of known.keys()) {
    visit(path, new Set([path]));
  }
  return { items: done, unknown };
}

/** Why a URL cannot be opened. */
export type UrlFault = 'empty' | 'malformed' | 'scheme' | 'credentials' | 'mixed';

/**
 * Read the URL of a dashboard that a person typed.
 *
 * Without a scheme it is a host with a port (`localhost:8787/status`) or a path of this server
 * (`proxy/8787/status`, or with a slash in front).
 *
 * @param page The address of this page.
 * @param base The server's base URL, ending in a slash.
 */
export function readUrl(
  text: string,
  page: string,
  base: string
): { url: URL; fault: null } | { url: null; fault: UrlFault } {
  const typed = text.trim();
  if (!typed) {
    return { url: null, fault: 'empty' };
  }
  let whole = typed;
  if (/^[\w.-]+:\d+(\/|$|\?)/.test(typed)) {
    // `localhost:8787` would be read as a scheme.
    whole = `http://${typed}`;
  } else if (!/^[a-z][a-z0-9+.-]*:/i.test(typed) && !typed.startsWith('/')) {
    whole = new URL(base, page).href + typed;
  }
  let url: URL;
  try {
    url = new URL(whole, page);
  } catch {
    return { url: null, fault: 'malformed' };
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    return { url: null, fault: 'scheme' };
  }
  if (url.username || url.password) {
    return { url: null, fault: 'credentials' };
  }
  if (
    new URL(page).protocol === 'https:' &&
    url.protocol === 'http:' &&
    !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname)
  ) {
    return { url: null, fault: 'mixed' };
  }
  return { url, fault: null };
}

/**
 * Whether headers of an answer forbid to show the page in ours, by `X-Frame-Options` and the
 * `frame-ancestors` of a content security policy (which wins over the former).
 *
 * @param origin The origin of this page.
 * @param own Whether the framed page has the same origin.
 */
export function framingForbidden(
  headers: { get(name: string): string | null },
  origin: string,
  own: boolean
): boolean {
  const policy = headers.get('content-security-policy') ?? '';
  const ancestors = /(?:^|[;,])\s*frame-ancestors\s+([^;,]*)/i.exec(policy)?.[1];
  if (ancestors !== undefined) {
    const sources = ancestors.trim().toLowerCase().split(/\s+/);
    const allowed = sources.some(
      source =>
        source === '*' ||
        (source === "'self'" && own) ||
        source.replace(/\/$/, '') === origin.toLowerCase() ||
        source === new URL(origin).protocol
    );
    return !allowed;
  }
  const options = (headers.get('x-frame-options') ?? '').trim().toLowerCase();
  return options === 'deny' || (options === 'sameorigin' && !own);
}
