/**
 * Looking at a page that somebody wants to show in a tab.
 */
import { framingForbidden } from '../dashboards/layout';

/**
 * What was found: `unknown` where another host's answer may not be read, which is no sign of a
 * fault.
 */
export type PageCheck =
  { kind: 'fine' | 'unknown' | 'unreachable' | 'forbidden' } | { kind: 'status'; status: number };

/** How long a page may take to answer, in milliseconds. */
const PATIENCE = 8000;

/**
 * Ask for a page once, and say whether it can be shown in a frame of ours.
 *
 * A page of this server is asked for with its cookies and its headers can be read. Another host is
 * asked without; browsers hide its answer unless it allows to be read, but they do tell whether
 * there was one.
 */
export async function checkPage(url: URL, page: Location = window.location): Promise<PageCheck> {
  const own = url.origin === page.origin;
  const asked = async (mode: RequestMode): Promise<Response> => {
    const control = new AbortController();
    const timer = window.setTimeout(() => control.abort(), PATIENCE);
    try {
      return await fetch(url.href, {
        mode,
        cache: 'no-store',
        credentials: own ? 'same-origin' : 'omit',
        referrerPolicy: 'no-referrer',
        signal: control.signal
      });
    } finally {
      window.clearTimeout(timer);
    }
  };
  let answer: Response;
  try {
    answer = await asked('cors');
  } catch {
    if (own) {
      return { kind: 'unreachable' };
    }
    try {
      await asked('no-cors');
      return { kind: 'unknown' };
    } catch {
      return { kind: 'unreachable' };
    }
  }
  void answer.body?.cancel();
  if (!answer.ok) {
    return { kind: 'status', status: answer.status };
  }
  if (framingForbidden(answer.headers, page.origin, own)) {
    return { kind: 'forbidden' };
  }
  // Another host shows only a few harmless headers, so what forbids framing may be hidden.
  return { kind: own ? 'fine' : 'unknown' };
}
