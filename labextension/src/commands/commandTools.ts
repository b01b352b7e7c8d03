/**
 * What commands have in common: which cluster is meant, who may do it, and telling when it failed.
 */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { tell } from './failures';
import type { ICluster, IStewardModel } from '../tokens';
import { isActive } from '../view/format';

/** The attribute of a card that holds the id of its cluster. */
const CARD_ID = 'cluster';

/** The id of the cluster on whose card the context menu was opened. */
export function cardAt(app: JupyterFrontEnd): string | undefined {
  const card = app.contextMenuHitTest(node => node.dataset[CARD_ID] !== undefined);
  return card?.dataset[CARD_ID];
}

/** What the commands need. */
export interface ICommandsOptions {
  commands: CommandRegistry;
  model: IStewardModel;
  trans: TranslationBundle;
  /** The id of the cluster whose card the context menu was opened on. */
  hit?: () => string | undefined;
  /** Bring the sidebar to the front. */
  open?: () => void;
}

/** A command on one cluster. */
export interface IOnCluster {
  label: string;
  caption: string;
  icon?: CommandRegistry.ICommandOptions['icon'];
  describedBy: CommandRegistry.ICommandOptions['describedBy'];
  /** Said before the reason when it did not work. */
  failed: string;
  enabled?: (cluster: ICluster) => boolean;
  /** Whether it changes something, which a person who may only look may not. */
  writes?: boolean;
  execute: (cluster: ICluster, args: ReadonlyPartialJSONObject) => Promise<unknown>;
}

/** A text that says something. */
export function text(value: unknown): string | undefined {
  return typeof value === 'string' && value ? value : undefined;
}

/** A number that is one. */
export function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

export class Tools {
  constructor(readonly options: ICommandsOptions) {}

  /** The cluster that a command means. */
  chosen(args: ReadonlyPartialJSONObject): ICluster | null {
    const { model, hit } = this.options;
    const id = text(args.id) ?? (args.context === true ? hit?.() : undefined);
    return id === undefined ? model.current : model.cluster(id);
  }

  /** Whether something can be changed now, by this person. */
  mayWrite(): boolean {
    const { model } = this.options;
    return !model.readOnly && model.connection.state === 'ok';
  }

  /** Do it, and tell a person when it does not work. */
  async attempt(failed: string, what: () => Promise<unknown>): Promise<unknown> {
    try {
      return await what();
    } catch (error) {
      tell(failed, error, this.options.trans);
      return undefined;
    }
  }

  /** Add a command on one cluster. */
  onCluster(id: string, command: IOnCluster): void {
    const { commands, trans } = this.options;
    const { label, caption, icon, describedBy } = command;
    commands.addCommand(id, {
      label,
      caption,
      icon,
      describedBy,
      isEnabled: args => {
        const cluster = this.chosen(args);
        return (
          cluster !== null &&
          (command.writes === false || this.mayWrite()) &&
          (command.enabled ?? isActive)(cluster)
        );
      },
      execute: async args => {
        const cluster = this.chosen(args);
        if (!cluster) {
          tell(command.failed, trans.__('There is no such cluster.'), trans);
          return undefined;
        }
        return this.attempt(command.failed, () => command.execute(cluster, args));
      }
    });
  }
}
