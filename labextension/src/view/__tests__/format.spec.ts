import type { IUnit } from '../../tokens';
import {
  announcement,
  bytes,
  bytesOf,
  coreHours,
  duration,
  ending,
  endsSoon,
  grouped,
  held,
  lastLoss,
  logTail,
  number,
  origin,
  since,
  sizeOf,
  sizeText,
  splitReason,
  workersText
} from '../format';
import { cluster, NOW, trans } from './sample';

describe('numbers', () => {
  it('have as many digits as their size needs', () => {
    expect([0, 0.42, 3, 14.2, 1325].map(number)).toEqual(['0', '0.4', '3', '14', '1,325']);
    expect(grouped(1234567)).toBe('1,234,567');
  });

  it('of bytes are in one unit, that of the limit', () => {
    expect(bytes(3.2e9)).toBe('3.2 GB');
    expect(bytes(512)).toBe('512 B');
    expect(bytesOf(199e9, 240e9, trans)).toBe('199 of 240 GB');
    expect(bytesOf(0.5e9, 0, trans)).toBe('500 MB');
  });

  it('of time are in one or two units', () => {
    const texts = [3.9, 60, 3599, 3600, 7500, 36060, 200000].map(s => duration(s, trans));
    expect(texts).toEqual(['3 s', '1 min', '59 min', '1 h', '2 h 5 min', '10 h', '2 d']);
  });

  it('of cost are core-hours, and little is not nothing', () => {
    const texts = [0, 60, 51120, 3600 * 1234].map(s => coreHours(s, trans));
    expect(texts).toEqual(['0.0 core-h', '< 0.1 core-h', '14.2 core-h', '1,234 core-h']);
  });
});

describe('what is held', () => {
  it('grows between two messages', () => {
    expect(held(cluster(), NOW + 10)).toBe(3600 + 480);
  });

  it('does not grow where the facts are old or the cluster has ended', () => {
    expect(held(cluster({ stale: 'no answer' }), NOW + 10)).toBe(3600);
    expect(held(cluster({ state: 'failed' }), NOW + 10)).toBe(3600);
  });
});

describe('since', () => {
  it('is a length of time while it lasts, and a time of day when it is over', () => {
    expect(since(cluster(), NOW, trans)).toBe('for 18 min');
    expect(since(cluster({ state: 'starting', since: NOW - 3 }), NOW, trans)).toBe('3 s');
    expect(since(cluster({ state: 'failed' }), NOW, trans)).toMatch(/^\d\d:\d\d$/);
  });
});

describe('ending', () => {
  const idle = cluster({ idle_since: NOW - 1500, ends_at: NOW + 290, ends_by: 'idle_timeout' });

  it('tells how long nothing was done and when it ends for that', () => {
    expect(ending(idle, NOW, trans)).toBe('idle 25 min, ends in 4 min');
    expect(endsSoon(idle, NOW)).toBe(true);
  });

  it('does not tell of a pause of seconds', () => {
    expect(ending({ ...idle, idle_since: NOW - 20 }, NOW, trans)).toBeNull();
    expect(endsSoon({ ...idle, idle_since: NOW - 20 }, NOW)).toBe(false);
  });

  it('tells of a time to live in its last hour', () => {
    const aged = cluster({ ends_at: NOW + 1800, ends_by: 'time_to_live' });
    expect(ending(aged, NOW, trans)).toBe('ends in 30 min');
    expect(ending({ ...aged, ends_at: NOW + 8000 }, NOW, trans)).toBeNull();
  });
});

describe('origin', () => {
  it('is the notebook where it is known', () => {
    expect(origin(cluster(), true, trans)).toBe('this notebook');
    expect(origin(cluster(), false, trans)).toBe('ocean.ipynb');
  });

  it('is the kind of owner otherwise', () => {
    const owner = { kind: 'process', pid: 1, host: 'login1' };
    expect(origin(cluster({ owner, tenure: 'process' }), false, trans)).toBe('from a script');
    expect(origin(cluster({ owner: null, tenure: 'detached' }), false, trans)).toBe(
      'stays by itself'
    );
  });
});

describe('splitReason', () => {
  it('puts the words before the code of the resource manager', () => {
    expect(
      splitReason('2 of 5 jobs wait: Slurm: Priority — 37 jobs are before yours, expected 14:05')
    ).toEqual({
      lead: '2 of 5 jobs wait',
      words: '37 jobs are before yours',
      source: 'Slurm: Priority',
      expected: '14:05'
    });
  });

  it('leaves a text that it does not know as it is', () => {
    const text = 'sbatch: error: invalid partition specified: gpus — or is it gpu?';
    expect(splitReason(text)).toEqual({ lead: null, words: text, source: null, expected: null });
  });
});

describe('losses', () => {
  const loss = {
    id: '7',
    node: 'n1',
    at: NOW - 1000,
    reason: 'ran out of memory',
    log: 'a\n\nb\n'
  };

  it('are news for ten minutes, and as long as a cluster is degraded', () => {
    expect(lastLoss(cluster({ losses: [loss] }), NOW)).toBeNull();
    expect(lastLoss(cluster({ losses: [{ ...loss, at: NOW - 9 }] }), NOW)).not.toBeNull();
    expect(lastLoss(cluster({ losses: [loss], state: 'degraded' }), NOW)).toBe(loss);
  });

  it('show the end of their log without empty lines', () => {
    expect(logTail('one\ntwo  \n\nthree\n', 2)).toBe('two\nthree');
  });
});

describe('words for a screen reader', () => {
  it('tell all of the workers', () => {
    const workers = { asked: 6, queued: 1, running: 4, lost: 1 };
    expect(workersText(cluster({ workers }), trans)).toBe(
      '4 of 6 workers running, 1 queued, 1 lost'
    );
  });

  it('tell a change of state with its reason', () => {
    expect(announcement(cluster(), trans)).toBe(
      'Cluster pangeo: running, 12 of 20 workers running, 8 queued.'
    );
    const reason = '5 of 5 jobs wait: Slurm: Resources — waits for free nodes';
    expect(announcement(cluster({ state: 'pending', reason }), trans)).toBe(
      'Cluster pangeo: queued. 5 of 5 jobs wait: waits for free nodes'
    );
  });
});

describe('sizes', () => {
  const unit: IUnit = { workers: 4, cores: 24, memory: 48e9 };

  it('come to whole jobs, rounded up', () => {
    expect(sizeOf(18, 'workers', unit)).toEqual({
      jobs: 5,
      workers: 20,
      cores: 120,
      memory: 240e9
    });
    expect(sizeOf(3, 'jobs', unit).cores).toBe(72);
    expect(sizeOf(25, 'cores', unit).jobs).toBe(2);
  });

  it('are told as jobs, cores and what an hour costs', () => {
    const text = (count: number): string =>
      sizeText(sizeOf(count, 'workers', unit), unit, 'slurm', trans, count);
    expect(text(20)).toBe('5 jobs × 24 cores, 120 core-h per hour');
    expect(text(18)).toBe('5 jobs × 24 cores = 20 workers, 120 core-h per hour');
    expect(text(0)).toBe('nothing is held');
  });

  it('of this machine have no jobs', () => {
    const one: IUnit = { workers: 1, cores: 2, memory: 4e9 };
    expect(sizeText(sizeOf(4, 'workers', one), one, 'local', trans)).toBe(
      '8 cores, 16 GB of memory, 8 core-h per hour'
    );
  });
});
