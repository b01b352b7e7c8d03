import { findPlot, framingForbidden, readUrl, resolveLayout } from '../layout';

const PLOTS = [
  { title: 'Task Stream', path: 'individual-task-stream' },
  { title: 'Progress', path: 'individual-progress' },
  { title: 'Workers', path: 'individual-workers' }
];

describe('a plot by name', () => {
  it.each([
    'Task Stream',
    'individual-task-stream',
    'task stream',
    'Task-Stream',
    '/individual-task-stream'
  ])('is found by %s', name => expect(findPlot(PLOTS, name)?.path).toBe('individual-task-stream'));

  it('is not guessed', () => expect(findPlot(PLOTS, 'Task')).toBeNull());
});

describe('a layout', () => {
  it('opens a plot after the one it is placed beside', () => {
    const { items, unknown } = resolveLayout(
      [
        { plot: 'Workers', mode: 'split-bottom', ref: 'Progress' },
        { plot: 'Progress', mode: 'split-right', ref: 'Task Stream' },
        { plot: 'Task Stream' }
      ],
      PLOTS
    );
    expect(items.map(item => item.plot.title)).toEqual(['Task Stream', 'Progress', 'Workers']);
    expect(items.map(item => item.mode)).toEqual(['tab-after', 'split-right', 'split-bottom']);
    expect(items[2].ref?.title).toBe('Progress');
    expect(unknown).toEqual([]);
  });

  it('opens plots that refer to each other in a circle, each once', () => {
    const { items } = resolveLayout(
      [
        { plot: 'Progress', ref: 'Workers' },
        { plot: 'Workers', ref: 'Progress' },
        { plot: 'Progress' }
      ],
      PLOTS
    );
    expect(items.map(item => item.plot.title).sort()).toEqual(['Progress', 'Workers']);
    expect(items.filter(item => item.ref)).toHaveLength(1);
  });

  it('names what this dashboard does not have, and opens the rest', () => {
    const { items, unknown } = resolveLayout(
      [{ plot: 'GPU' }, { plot: 'Progress', ref: 'GPU' }, { plot: 'Workers', ref: 'Workers' }],
      PLOTS
    );
    expect(unknown).toEqual(['GPU']);
    expect(items.map(item => [item.plot.title, item.ref])).toEqual([
      ['Progress', null],
      ['Workers', null]
    ]);
  });
});

describe('the URL of a dashboard', () => {
  const read = (text: string, page = 'http://host:8888/user/x/lab') =>
    readUrl(text, page, '/user/x/');

  it.each([
    ['http://node7:8787/status', 'http://node7:8787/status'],
    ['localhost:8787/status', 'http://localhost:8787/status'],
    ['node7:8787', 'http://node7:8787/'],
    ['proxy/8787/status', 'http://host:8888/user/x/proxy/8787/status'],
    ['/proxy/8787/status', 'http://host:8888/proxy/8787/status'],
    ['  https://hub/x  ', 'https://hub/x']
  ])('%s is %s', (text, href) => expect(read(text).url?.href).toBe(href));

  it.each([
    ['', 'empty'],
    ['javascript:alert(1)', 'scheme'],
    ['data:text/html,x', 'scheme'],
    ['file:///etc/passwd', 'scheme'],
    ['http://me:secret@host/', 'credentials'],
    ['http://', 'malformed']
  ])('%s is refused: %s', (text, fault) => expect(read(text)).toEqual({ url: null, fault }));

  it('is refused by http in a page that came by https, but for this machine', () => {
    const page = 'https://hub/user/x/lab';
    expect(read('http://node7:8787/status', page).fault).toBe('mixed');
    expect(read('http://localhost:8787/status', page).fault).toBeNull();
    expect(read('proxy/8787/status', page).url?.protocol).toBe('https:');
  });
});

describe('whether a page may be framed', () => {
  const origin = 'http://lab:8888';
  const forbidden = (headers: Record<string, string>, own: boolean): boolean =>
    framingForbidden({ get: name => headers[name] ?? null }, origin, own);

  it.each([
    [{}, false, false],
    [{ 'x-frame-options': 'DENY' }, true, true],
    [{ 'x-frame-options': 'SAMEORIGIN' }, true, false],
    [{ 'x-frame-options': 'sameorigin' }, false, true],
    [{ 'content-security-policy': "frame-ancestors 'none'" }, true, true],
    [{ 'content-security-policy': "frame-ancestors 'self'; report-uri /x" }, true, false],
    [{ 'content-security-policy': "default-src 'self'; frame-ancestors 'self'" }, false, true],
    [{ 'content-security-policy': 'frame-ancestors http://lab:8888/' }, false, false],
    [{ 'content-security-policy': 'frame-ancestors *', 'x-frame-options': 'DENY' }, false, false]
  ])('%j (own: %s) is forbidden: %s', (headers, own, result) =>
    expect(forbidden(headers as Record<string, string>, own)).toBe(result)
  );
});
