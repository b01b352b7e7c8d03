/**
 * What is remembered of the left panel over a reload: which sections are open, how large each is, and the profile that
 * was started last.
 */
import type { IStateDB } from '@jupyterlab/statedb';
import type { AccordionPanel } from '@lumino/widgets';

/** Where it is kept. */
const KEY = 'dask-steward:sidebar';

export interface ISectionState {
  open: boolean;
  /** Its share of the panel's height. */
  size: number;
}

export interface ISidebarState {
  sections: Record<string, ISectionState>;
  /** The name of the profile that was started last. */
  profile: string | null;
}

/** The sections, in their order, by the ids that their state is kept under. */
export const SECTIONS = {
  clusters: 'dask-steward-clusters',
  profiles: 'dask-steward-profiles',
  dashboards: 'dask-steward-dashboards',
  held: 'dask-steward-held'
};

/** How the panel looks before anybody has changed it. */
export function stateAtFirst(): ISidebarState {
  return {
    sections: {
      [SECTIONS.clusters]: { open: true, size: 6 },
      [SECTIONS.profiles]: { open: true, size: 2 },
      [SECTIONS.dashboards]: { open: true, size: 2 },
      [SECTIONS.held]: { open: false, size: 2 }
    },
    profile: null
  };
}

/** What is stored, as far as it is what is expected; it may be of another version. */
export function readState(stored: unknown, otherwise: ISidebarState): ISidebarState {
  const { sections, profile } = (stored ?? {}) as Partial<ISidebarState>;
  const known: Record<string, ISectionState> = { ...otherwise.sections };
  for (const [id, value] of Object.entries(sections ?? {})) {
    if (id in known && typeof value?.open === 'boolean' && Number.isFinite(value.size)) {
      known[id] = { open: value.open, size: Math.max(0, value.size) };
    }
  }
  return { sections: known, profile: typeof profile === 'string' ? profile : otherwise.profile };
}

export async function fetchState(
  db: IStateDB | null,
  otherwise: ISidebarState
): Promise<ISidebarState> {
  try {
    return readState(await db?.fetch(KEY), otherwise);
  } catch {
    // What a browser has lost costs a person one press.
    return otherwise;
  }
}

/** Open, close and size the sections. */
export function applySections(panel: AccordionPanel, state: ISidebarState): void {
  panel.widgets.forEach((widget, index) => {
    const open = state.sections[widget.id]?.open ?? true;
    if (open) {
      panel.expand(index);
    } else {
      panel.collapse(index);
    }
  });
  panel.setRelativeSizes(panel.widgets.map(widget => state.sections[widget.id]?.size ?? 1));
}

/** Keep what changes; at most once in `wait` milliseconds. */
export class Keeper {
  constructor(
    private readonly _db: IStateDB | null,
    private readonly _wait = 300
  ) {}

  save(state: ISidebarState): void {
    window.clearTimeout(this._timer);
    this._timer = window.setTimeout(() => {
      // A state database that cannot be written to costs no more than what is remembered.
      this._db?.save(KEY, JSON.parse(JSON.stringify(state))).catch(() => undefined);
    }, this._wait);
  }

  private _timer = 0;
}
