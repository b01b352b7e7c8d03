/**
 * Every cluster that is known, put together from lists that were read and events that came.
 *
 * A list and the events travel by two connections, so that a list can be older than an event that is
 * already here. What an event said while the list was under way stays, unless the list is newer.
 */
import { JSONExt, type ReadonlyJSONValue } from '@lumino/coreutils';

import type { ICluster } from '../tokens';
import { hasEnded } from '../view/format';

/** What happened to clusters while an answer was under way. */
export interface IFlight {
  readonly touched: Map<string, ICluster | null>;
}

export class ClusterStore {
  /** `changed` is called after each change, as often as there are any. */
  constructor(private readonly _changed: () => void) {}

  /** Living ones first, then the youngest first; another array only after a change. */
  get all(): readonly ICluster[] {
    if (this._sorted === null) {
      this._sorted = [...this._clusters.values()].sort(
        (a, b) =>
          Number(hasEnded(a.state)) - Number(hasEnded(b.state)) ||
          b.created - a.created ||
          a.id.localeCompare(b.id)
      );
    }
    return this._sorted;
  }

  get(id: string): ICluster | null {
    return this._clusters.get(id) ?? null;
  }

  /** Clusters whose state is another one than was told of last, and forget that they are. */
  takeAnnouncements(): ICluster[] {
    const told = [...this._untold].flatMap(id => this.get(id) ?? []);
    this._untold.clear();
    return told;
  }

  /** An answer is under way. */
  begin(): IFlight {
    const flight = { touched: new Map<string, ICluster | null>() };
    this._flights.add(flight);
    return flight;
  }

  /** The answer has come, or never will. */
  end(flight: IFlight): void {
    this._flights.delete(flight);
  }

  /** All clusters, as a list says. */
  replace(list: readonly ICluster[], flight: IFlight): void {
    const listed = new Set<string>();
    for (const cluster of list) {
      listed.add(cluster.id);
      this._answered(cluster, flight);
    }
    for (const id of this._clusters.keys()) {
      // One that an event told of since is too young for this list.
      if (!listed.has(id) && !flight.touched.get(id)) {
        this._drop(id);
      }
    }
    this._first = false;
  }

  /** One cluster, as the answer to a request says. */
  put(cluster: ICluster, flight: IFlight): void {
    if (this._answered(cluster, flight)) {
      // A list that is under way may be from before this request.
      this._touch(cluster.id, cluster);
    }
  }

  /** One cluster, as an event says (null: it is no longer listed). Events come in order. */
  tell(id: string, cluster: ICluster | null): void {
    this._touch(id, cluster);
    if (cluster) {
      this._set(cluster);
    } else {
      this._drop(id);
    }
  }

  private _answered(cluster: ICluster, flight: IFlight): boolean {
    const told = flight.touched.get(cluster.id);
    if (told === null || (told && told.seen >= cluster.seen)) {
      return false;
    }
    this._set(cluster);
    return true;
  }

  private _touch(id: string, cluster: ICluster | null): void {
    for (const flight of this._flights) {
      flight.touched.set(id, cluster);
    }
  }

  private _set(cluster: ICluster): void {
    const before = this._clusters.get(cluster.id);
    if (
      before &&
      JSONExt.deepEqual(
        before as unknown as ReadonlyJSONValue,
        cluster as unknown as ReadonlyJSONValue
      )
    ) {
      return;
    }
    this._clusters.set(cluster.id, cluster);
    // What was there when the page was opened is no news.
    if (before ? before.state !== cluster.state : !this._first) {
      this._untold.add(cluster.id);
    }
    this._moved();
  }

  private _drop(id: string): void {
    if (this._clusters.delete(id)) {
      this._untold.delete(id);
      this._moved();
    }
  }

  private _moved(): void {
    this._sorted = null;
    this._changed();
  }

  private readonly _clusters = new Map<string, ICluster>();
  private readonly _flights = new Set<IFlight>();
  private readonly _untold = new Set<string>();
  private _sorted: readonly ICluster[] | null = null;
  private _first = true;
}
