/**
 * A model whose facts a test sets, for what shows them; what it was asked to do is written down.
 */
import { Signal } from '@lumino/signaling';

import type { ICluster, IConnection, IProfile, IStewardModel } from '../tokens';

export { profile } from './facts';

export class FakeModel {
  connection: IConnection = { state: 'ok', since: 0, message: null };
  status: IStewardModel['status'] = null;
  readOnly = false;
  clusters: readonly ICluster[] = [];
  profiles: readonly IProfile[] = [];
  kernelspecs: IStewardModel['kernelspecs'] = [];
  held = null;
  selected: string | null = null;
  /** Each call: the method and what it was given. */
  readonly calls: [string, ...unknown[]][] = [];
  /** A method that is to fail, and how. */
  fails: Record<string, Error> = {};
  /** What methods answer. */
  answers: Record<string, unknown> = {};

  /** Seconds that the server's clock is before this one. */
  ahead = 0;

  readonly connectionChanged = new Signal<any, IConnection>(this);
  readonly clustersChanged = new Signal<any, void>(this);
  readonly profilesChanged = new Signal<any, void>(this);
  readonly heldChanged = new Signal<any, void>(this);
  readonly currentChanged = new Signal<any, ICluster | null>(this);
  readonly announced = new Signal<any, ICluster>(this);

  get current(): ICluster | null {
    return this.clusters.find(c => c.id === this.selected) ?? this.clusters[0] ?? null;
  }

  now(): number {
    return Date.now() / 1000 + this.ahead;
  }

  cluster(id: string): ICluster | null {
    return this.clusters.find(c => c.id === id) ?? null;
  }

  show(...clusters: ICluster[]): void {
    this.clusters = clusters;
    this.clustersChanged.emit();
  }

  connect_(state: IConnection['state'], since = 1000): void {
    this.connection = { state, since, message: null };
    this.connectionChanged.emit(this.connection);
  }

  select(id: string | null): void {
    this.selected = id;
  }

  dashboardUrl(id: string, path = ''): string {
    return `/steward/${id}/${path}`;
  }

  get model(): IStewardModel {
    // Whatever is not known here is a call to write down.
    return new Proxy(this, {
      get: (target, key) => {
        if (key in target || typeof key !== 'string') {
          return Reflect.get(target, key);
        }
        return async (...args: unknown[]) => {
          target.calls.push([key, ...args]);
          if (target.fails[key]) {
            throw target.fails[key];
          }
          return target.answers[key];
        };
      }
    }) as unknown as IStewardModel;
  }
}
