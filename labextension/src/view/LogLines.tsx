/**
 * The lines of a log, piece by piece, with the places marked that a search has found.
 *
 * What a log says is shown as text nodes, never as HTML.
 */
import * as React from 'react';
import type { ILogSearch } from './LogSearch';
import type { IPiece } from './logText';

const NONE: readonly number[] = [];

interface ILogLinesProps {
  pieces: readonly IPiece[];
  search: ILogSearch;
}

export function LogLines({ pieces, search }: ILogLinesProps): React.ReactElement {
  const { query, marks, current } = search;
  return (
    <>
      {pieces.map(piece => (
        <MemoPiece
          key={piece.id}
          piece={piece}
          query={query}
          marks={marks.get(piece.id) ?? NONE}
          current={current?.piece === piece.id ? current.at : -1}
        />
      ))}
    </>
  );
}

interface IPieceProps {
  piece: IPiece;
  query: string;
  marks: readonly number[];
  /** Where the place is that one is at; -1 where it is in another piece. */
  current: number;
}

function Piece({ piece, query, marks, current }: IPieceProps): React.ReactElement {
  const parts: React.ReactNode[] = [];
  let from = 0;
  for (const at of marks) {
    const to = at + query.length;
    parts.push(piece.text.slice(from, at));
    parts.push(
      <mark key={at} className={at === current ? 'dsk-LogViewer-current' : undefined}>
        {piece.text.slice(at, to)}
      </mark>
    );
    from = to;
  }
  parts.push(piece.text.slice(from));
  // A guess of its height, for as long as it was not in sight.
  const style = { ['--dsk-lines' as string]: piece.lines };
  return (
    <div className="dsk-LogViewer-piece" style={style}>
      {parts}
    </div>
  );
}

const MemoPiece = React.memo(
  Piece,
  (a, b) =>
    a.piece === b.piece &&
    a.current === b.current &&
    a.marks.length === b.marks.length &&
    // Without a place to mark it does not matter what is looked for.
    (a.marks.length === 0 ||
      (a.query === b.query && a.marks.every((at, index) => at === b.marks[index])))
);
