/**
 * What is held, and what a sweep gave back.
 */

export interface IHeld {
  cluster: string;
  name: string;
  kind: string;
  id: string | null;
  state: string;
  reason: string | null;
  since: number | null;
  node: string | null;
  cores: number;
  core_seconds: number;
}

export interface IHeldAnswer {
  things: IHeld[];
  core_seconds_today: number;
  problems: string[];
}

export interface ISweepAnswer {
  released: { cluster: string; name: string; kind: string; id: string }[];
  ended: string[];
  left: { cluster: string; reason: string }[];
  removed: number;
}
