import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

/** The cell magic, as it is written in a notebook. */
const MAGIC = '%%dask_cluster';

/** A resource manager that was found. */
export interface IFound {
  system: string;
  title: string;
  partitions: number;
  /** How many profiles of it there are. */
  profiles: number;
}

export interface IEmptyPanelProps {
  found: readonly IFound[];
  readOnly: boolean;
  /** The button that starts one. */
  children?: React.ReactNode;
  onDiscover?: (system: string) => void;
  trans: TranslationBundle;
}

/** What discovery would make profiles of. */
function offer(found: IFound, trans: TranslationBundle): string {
  if (found.partitions === 0) {
    return trans.__('Make profiles of it');
  }
  return found.system === 'yarn'
    ? trans._n('Make a profile of its %1 queue', 'Make profiles of its %1 queues', found.partitions)
    : trans._n(
        'Make a profile of its %1 partition',
        'Make profiles of its %1 partitions',
        found.partitions
      );
}

/** Nothing yet: what a cluster is good for, one button that works, and what was found here. */
export const EmptyPanel = React.memo(function EmptyPanel(props: IEmptyPanelProps): JSX.Element {
  const { found, readOnly, children, onDiscover, trans } = props;
  const [before, after] = trans
    .__(
      'Start one here, or with %1 in a notebook. It appears in both places, and everything it takes is given back when your kernel or this server ends.',
      '\u0000'
    )
    .split('\u0000');
  return (
    <div className="dsk-Empty">
      <h4 className="dsk-Empty-title">{trans.__('No cluster yet')}</h4>
      {readOnly ? (
        <p>{trans.__('Clusters appear here as soon as somebody starts one for this account.')}</p>
      ) : (
        <p>
          {before}
          <code>{MAGIC}</code>
          {after}
        </p>
      )}
      {children}
      {!readOnly &&
        found.map(one => (
          <p key={one.system}>
            {trans.__('%1 was found here.', one.title)}{' '}
            {one.profiles > 0
              ? trans._n('It has %1 profile.', 'It has %1 profiles.', one.profiles)
              : onDiscover && (
                  <button type="button" className="dsk-Link" onClick={() => onDiscover(one.system)}>
                    {offer(one, trans)}
                  </button>
                )}
          </p>
        ))}
    </div>
  );
});
