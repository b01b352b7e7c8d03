/**
 * Saved profiles, and what can be known of them without a cluster.
 */
import type { StewardApi } from '../api';
import type { IKernelspec, IProblem, IProfile, ISystemOption } from '../tokens';

export class ProfileStore {
  /** `changed` is called after each change. */
  constructor(
    private readonly _api: Pick<StewardApi, 'profiles' | 'kernelspecs' | 'schema'>,
    private readonly _changed: () => void
  ) {}

  get profiles(): readonly IProfile[] {
    return this._profiles;
  }

  get problems(): readonly IProblem[] {
    return this._problems;
  }

  get systems(): readonly ISystemOption[] {
    return this._systems;
  }

  get kernelspecs(): readonly IKernelspec[] {
    return this._kernelspecs;
  }

  /** Read all profiles. */
  async refresh(): Promise<void> {
    const turn = (this._turn += 1);
    const answer = await this._api.profiles();
    if (turn < this._taken) {
      // An answer to a later question is already here.
      return;
    }
    this._taken = turn;
    this._profiles = answer.profiles;
    this._problems = answer.problems;
    this._systems = answer.systems;
    this._changed();
  }

  async refreshKernelspecs(): Promise<void> {
    this._kernelspecs = await this._api.kernelspecs();
    this._changed();
  }

  /** The JSON Schema of a system's profiles: the same as long as the server is. */
  schema(system: string): Promise<Record<string, unknown>> {
    let schema = this._schemas.get(system);
    if (!schema) {
      schema = this._api.schema(system);
      this._schemas.set(system, schema);
      // One that failed is asked for again.
      schema.catch(() => this._schemas.delete(system));
    }
    return schema;
  }

  /** The server is another one. */
  forget(): void {
    this._schemas.clear();
  }

  private _kernelspecs: readonly IKernelspec[] = [];
  private _problems: readonly IProblem[] = [];
  private _profiles: readonly IProfile[] = [];
  private readonly _schemas = new Map<string, Promise<Record<string, unknown>>>();
  private _systems: readonly ISystemOption[] = [];
  private _taken = 0;
  private _turn = 0;
}
