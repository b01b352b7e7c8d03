import { logOf } from '../logNames';
import type { ILog } from '../../tokens';

const logs: ILog[] = [
  { name: 'job 12', kind: 'job', size: 1 },
  { name: 'job 2', kind: 'job', size: 1 },
  { name: 'keeper', kind: 'keeper', size: 1 },
  { name: 'worker w-1', kind: 'worker', size: null }
];

describe('logOf', () => {
  it('is the cluster’s own where nothing is said, and nothing where there is none', () => {
    expect(logOf(logs, null)).toBe('keeper');
    expect(logOf([], null)).toBeNull();
    expect(logOf(null, { job: '2' })).toBeNull();
  });

  it('is that of the job, not of one whose id ends alike', () => {
    expect(logOf(logs, { job: '2' })).toBe('job 2');
    expect(logOf(logs, { job: '99' })).toBe('keeper');
  });

  it('is the worker’s own, else that of its job', () => {
    expect(logOf(logs, { worker: 'w-1', address: 'tcp://a', job: '2' })).toBe('worker w-1');
    expect(logOf(logs, { worker: 'w-9', address: 'tcp://a', job: '2' })).toBe('job 2');
    expect(logOf(logs, { worker: 'w-9', address: 'tcp://a', job: null })).toBe('keeper');
  });

  it('is the one that is named, also before it is there', () => {
    expect(logOf(logs, { name: 'job 77' })).toBe('job 77');
    expect(logOf([], { name: 'keeper' })).toBe('keeper');
  });
});
