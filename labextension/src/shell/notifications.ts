/**
 * JupyterLab's notifications of what takes long or goes wrong: starts, failures, idle clusters.
 *
 * A start that this page asked for is one notification from beginning to end. Failures are told
 * whoever asked. What was so when the page was opened is told by the sidebar alone.
 */
import { Notification, type NotificationManager } from '@jupyterlab/apputils';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type { IDisposable } from '@lumino/disposable';
import { Signal } from '@lumino/signaling';

import { tell } from '../commands/failures';
import { failure, idleness, type IProgress, progressOf } from '../model/notices';
import { Settings } from '../settings';
import { stewardPlugin } from '../plugin';
import { CommandIDs, type ICluster, type IStewardModel } from '../tokens';
import { hasEnded } from '../view/format';

/** How long what needs no answer is shown; then it is in the notification centre (milliseconds). */
const GLANCE = 5_000;
const READ = 15_000;

/** In the centre only. */
const SILENT = 0;

/** The longest time that a browser's timer can wait, in milliseconds. */
const LONGEST = 2 ** 31 - 1;

/** A start that is being told of. */
interface ITold {
  /** Of the notification. */
  note: string;
  last: IProgress;
}

export class ClusterNotifications implements IDisposable {
  constructor(options: ClusterNotifications.IOptions) {
    this._commands = options.commands;
    this._idleMinutes = options.idleMinutes;
    this._manager = options.manager ?? Notification.manager;
    this._model = options.model;
    this._shown = options.shown ?? (note => document.getElementById(note) !== null);
    this._trans = options.trans;
    this._model.started.connect(this._onStarted, this);
    this._model.clustersChanged.connect(this._onChanged, this);
    this._model.announced.connect(this._onAnnounced, this);
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  /** Look for clusters that hold cores for nothing, now and when the next one will. */
  lookForIdle(): void {
    clearTimeout(this._timer);
    const after = this._idleMinutes() * 60;
    const now = this._model.now();
    let next = Infinity;
    for (const cluster of this._model.clusters) {
      const since = cluster.idle_since;
      if (since === null || hasEnded(cluster.state) || cluster.spend.cores <= 0 || after <= 0) {
        this._dismissIdle(cluster.id);
        continue;
      }
      const due = since + after;
      if (due > now) {
        next = Math.min(next, due - now);
      } else if (this._opened !== null && due >= this._opened) {
        this._tellIdle(cluster, now);
      }
    }
    for (const id of [...this._idle.keys()]) {
      if (!this._model.cluster(id)) {
        this._dismissIdle(id);
      }
    }
    if (next < Infinity) {
      this._timer = setTimeout(() => this.lookForIdle(), Math.min(LONGEST, next * 1000 + 100));
    }
  }

  dispose(): void {
    if (!this._disposed) {
      this._disposed = true;
      clearTimeout(this._timer);
      Signal.disconnectReceiver(this);
    }
  }

  private _onStarted(_: unknown, cluster: ICluster): void {
    const last = progressOf(cluster, this._trans);
    const note = this._manager.notify(last.message, 'in-progress', {
      autoClose: false,
      progress: last.progress,
      actions: this._actions(cluster, last.stage)
    });
    // It may have failed already, which is one step further.
    this._starts.set(cluster.id, { note, last: { ...last, stage: 'working' } });
    this._advance(cluster);
  }

  private _onChanged(): void {
    this._opened ??= this._model.now();
    for (const [id, told] of this._starts) {
      const cluster = this._model.cluster(id);
      if (cluster) {
        this._advance(cluster);
      } else {
        this._starts.delete(id);
        this._manager.dismiss(told.note);
      }
    }
    this.lookForIdle();
  }

  /** Tell how a start has come on, if it has. */
  private _advance(cluster: ICluster): void {
    const told = this._starts.get(cluster.id);
    if (!told) {
      return;
    }
    const { message, progress, stage } = progressOf(cluster, this._trans);
    const { note, last } = told;
    if (stage === 'gone') {
      this._starts.delete(cluster.id);
      this._manager.dismiss(note);
      return;
    }
    if (stage === last.stage && message === last.message && progress === last.progress) {
      return;
    }
    told.last = { message, progress, stage };
    const actions = this._actions(cluster, stage);
    // A toast that a person has closed comes back when it is updated, unless that is silent.
    const shown = this._shown(note);
    switch (stage) {
      case 'working':
        this._update(note, message, 'in-progress', shown ? false : SILENT, actions, progress);
        break;
      case 'waiting':
        this._update(note, message, 'info', shown ? READ : SILENT, actions, progress);
        break;
      case 'ready':
        this._starts.delete(cluster.id);
        this._update(note, message, 'success', GLANCE, actions, progress);
        break;
      case 'failed':
        this._starts.delete(cluster.id);
        this._failed.add(cluster.id);
        this._update(note, message, 'error', false, actions, progress);
        break;
    }
  }

  private _update(
    id: string,
    message: string,
    type: Notification.TypeOptions,
    autoClose: number | false,
    actions: Notification.IAction[],
    progress: number
  ): void {
    const ended = type === 'success' || type === 'error';
    // One that was dismissed: how it ended is worth another, each step on the way is not.
    if (!this._manager.update({ id, message, type, autoClose, actions, progress }) && ended) {
      this._manager.notify(message, type, { autoClose, actions });
    }
  }

  private _onAnnounced(_: unknown, cluster: ICluster): void {
    const ended = cluster.state === 'failed' || cluster.state === 'lost';
    if (!ended || this._failed.has(cluster.id)) {
      return;
    }
    this._failed.add(cluster.id);
    this._manager.notify(failure(cluster, this._trans), 'error', {
      autoClose: false,
      actions: this._actions(cluster, 'failed')
    });
  }

  private _tellIdle(cluster: ICluster, now: number): void {
    const since = cluster.idle_since as number;
    if (this._idle.get(cluster.id)?.since === since) {
      return;
    }
    this._dismissIdle(cluster.id);
    const trans = this._trans;
    const actions = [this._action(trans.__('Details'), CommandIDs.openDetails, { id: cluster.id })];
    if (!this._model.readOnly) {
      actions.unshift(this._stop(trans.__('Stop'), cluster.id));
    }
    const note = this._manager.notify(idleness(cluster, now, trans), 'warning', {
      autoClose: READ,
      actions: actions.flatMap(action => action ?? [])
    });
    this._idle.set(cluster.id, { note, since });
  }

  private _dismissIdle(id: string): void {
    const told = this._idle.get(id);
    if (told) {
      this._idle.delete(id);
      this._manager.dismiss(told.note);
    }
  }

  /** What can be done about a start. */
  private _actions(cluster: ICluster, stage: IProgress['stage']): Notification.IAction[] {
    const trans = this._trans;
    const { id, profile } = cluster;
    const details = this._action(trans.__('Details'), CommandIDs.openDetails, { id });
    const log = (label: string) => this._action(label, CommandIDs.openLog, { id });
    let actions: (Notification.IAction | null)[];
    if (stage === 'ready') {
      actions = [details];
    } else if (stage === 'failed') {
      actions = [
        this._model.readOnly ? null : this._again(cluster),
        profile
          ? this._action(trans.__('Edit profile'), CommandIDs.editProfile, { name: profile })
          : null,
        log(trans.__('Log'))
      ];
    } else {
      actions = [this._stop(trans.__('Cancel'), id), log(trans.__('Show log')), details];
    }
    return actions.flatMap(action => action ?? []);
  }

  /** A command as an action; null where a site has switched it off. The notification stays. */
  private _action(
    label: string,
    command: string,
    args: { id: string } | { name: string }
  ): Notification.IAction | null {
    if (!this._commands.hasCommand(command)) {
      return null;
    }
    return {
      label,
      callback: event => {
        event.preventDefault();
        void this._commands.execute(command, args);
      }
    };
  }

  private _stop(label: string, id: string): Notification.IAction {
    return {
      label,
      displayType: 'warn',
      callback: () => {
        if (this._commands.hasCommand(CommandIDs.stop)) {
          // It asks where work would be lost.
          void this._commands.execute(CommandIDs.stop, { id });
        } else {
          this._model.stop(id).catch(error => {
            tell(this._trans.__('The cluster was not stopped.'), error, this._trans);
          });
        }
      }
    };
  }

  private _again(cluster: ICluster): Notification.IAction {
    return {
      label: this._trans.__('Try again'),
      displayType: 'accent',
      callback: () => {
        this._model.retry(cluster.id).catch(error => {
          tell(this._trans.__('“%1” was not started.', cluster.name), error, this._trans);
        });
      }
    };
  }

  private readonly _commands: CommandRegistry;
  private readonly _failed = new Set<string>();
  private readonly _idle = new Map<string, { note: string; since: number }>();
  private readonly _idleMinutes: () => number;
  private readonly _manager: Pick<NotificationManager, 'notify' | 'update' | 'dismiss'>;
  private readonly _model: IStewardModel;
  private readonly _shown: (note: string) => boolean;
  private readonly _starts = new Map<string, ITold>();
  private readonly _trans: TranslationBundle;
  private _disposed = false;
  private _opened: number | null = null;
  private _timer: ReturnType<typeof setTimeout> | undefined;
}

export namespace ClusterNotifications {
  export interface IOptions {
    commands: CommandRegistry;
    /** After how long an idle cluster is worth a warning; 0: never. */
    idleMinutes: () => number;
    model: IStewardModel;
    trans: TranslationBundle;
    /** Where the notifications go; JupyterLab's own unless a test says so. */
    manager?: Pick<NotificationManager, 'notify' | 'update' | 'dismiss'>;
    /** Whether a notification is on the screen now. */
    shown?: (note: string) => boolean;
  }
}

export const notificationsPlugin = stewardPlugin({
  id: 'dask-steward:notifications',
  description: 'Notifications of Dask clusters that start, fail or hold cores for nothing.',
  optional: { registry: ISettingRegistry },
  activate: ({ app, model, trans, registry }) => {
    const settings = new Settings(registry);
    const notifications = new ClusterNotifications({
      commands: app.commands,
      idleMinutes: () => settings.get('idleWarningMinutes'),
      model,
      trans
    });
    settings.changed.connect(() => notifications.lookForIdle());
  }
});
