import { append, EMPTY, find, first, KEPT, prepend, whole } from '../logText';

function part(offset: number, text: string, size?: number) {
  const next = offset + new TextEncoder().encode(text).length;
  return { name: 'job 1', offset, next, size: size ?? next, text };
}

describe('logText', () => {
  it('begins at a whole line where it does not begin at the beginning', () => {
    const log = first(part(100, 'tail of a line\nsecond\nthird\n'));
    expect(whole(log)).toBe('second\nthird\n');
    expect(log.start).toBe(115);
  });

  it('joins a line that came in two parts', () => {
    const log = append(first(part(0, 'one\ntw')), part(6, 'o\nthree\n'));
    expect(whole(log)).toBe('one\ntwo\nthree\n');
    expect(log.pieces).toHaveLength(1);
  });

  it('puts earlier text before, down to the bytes', () => {
    const log = first(part(6, 'ccc\n'));
    const more = prepend(log, { ...part(0, 'ä\nbb\n'), size: 10 });
    expect(whole(more)).toBe('ä\nbb\nccc\n');
    expect([more.start, more.end]).toEqual([0, 10]);
    // What was there is not drawn again.
    expect(more.pieces[more.pieces.length - 1]).toBe(log.pieces[0]);
    expect(prepend(more, part(0, 'ä\n'))).toBe(more);
  });

  it('leaves out what was already read', () => {
    const log = first(part(0, 'one\n'));
    expect(append(log, part(0, 'one\n'))).toBe(log);
  });

  it('begins anew when the log was written anew', () => {
    const log = append(first(part(0, 'a long text\n')), part(0, 'new\n'));
    expect(whole(log)).toBe('new\n');
  });

  it('cuts 10 MB into pieces, none of which is long, and keeps ids apart', () => {
    const text = `${'x'.repeat(99)}\n`.repeat(100_000);
    const log = first(part(0, text));
    expect(whole(log)).toHaveLength(10_000_000);
    expect(new Set(log.pieces.map(piece => piece.id)).size).toBe(log.pieces.length);
    expect(Math.max(...log.pieces.map(piece => piece.raw.length))).toBeLessThanOrEqual(200_000);
    const next = append(log, part(log.end, 'more\n'));
    expect(new Set(next.pieces.map(piece => piece.id)).size).toBe(next.pieces.length);
    // Adding a line draws one piece, not all of them.
    const redrawn = next.pieces.filter(piece => !log.pieces.includes(piece));
    expect(redrawn).toHaveLength(1);
  });

  it('forgets the beginning of what has become too long, and knows where it begins then', () => {
    let log = EMPTY;
    const line = `${'y'.repeat(999)}\n`;
    const chunk = line.repeat(1000);
    for (let at = 0; at < KEPT + 2 * chunk.length; at += chunk.length) {
      log = append(log, part(at, chunk));
    }
    const length = whole(log).length;
    expect(length).toBeLessThanOrEqual(KEPT);
    expect(log.start).toBe(log.end - length);
  });

  it('breaks a line that is too long to be laid out', () => {
    const log = first(part(0, 'z'.repeat(500_000)));
    expect(log.pieces.length).toBe(3);
    expect(whole(log)).toHaveLength(500_000);
  });

  it('takes out colours of a terminal, and finds places without regard to capitals', () => {
    const log = first(part(0, '\u001b[31mError\u001b[0m: one\r\nerror two\n'));
    expect(whole(log)).toBe('Error: one\nerror two\n');
    expect(find(log, 'ERROR', 10)).toEqual([
      { piece: 0, at: 0 },
      { piece: 0, at: 11 }
    ]);
    expect(find(log, 'error', 1)).toHaveLength(1);
    expect(find(log, '', 10)).toEqual([]);
  });
});
