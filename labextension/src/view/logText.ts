/**
 * The text of one log as far as it was read: pieces of whole lines, of which the earlier ones may be missing.
 *
 * Pure, and never changed in place: adding a part makes another value that shares the pieces.
 */
import type { ILogPart } from '../tokens';

/** Lines of a piece: small enough to lay out at once, large enough that 10 MB are few of them. */
const PIECE_LINES = 400;

/** Characters of a piece; a longer line is broken, since it could not be laid out in time. */
const PIECE_LENGTH = 200_000;

/** Characters that are kept while a log is followed; what is before can be read again. */
export const KEPT = 16_000_000;

export interface IPiece {
  /** Unique in this log, so that a piece is drawn once. */
  id: number;
  /** As it is shown. */
  text: string;
  /** As it was read; what is shown has no colours. */
  raw: string;
  lines: number;
}

export interface ILogText {
  pieces: readonly IPiece[];
  /** Bytes of the log: where the text begins, where it ends, and how long the log was when last read. */
  start: number;
  end: number;
  size: number;
  /** For the ids of pieces: the next one after, and the next one before. */
  after: number;
  before: number;
}

export const EMPTY: ILogText = { pieces: [], start: 0, end: 0, size: 0, after: 0, before: -1 };

/** What terminals read as colours and moves, which says nothing here. */
const CONTROLS = /\u001b\[[0-9;?]*[ -/]*[@-~]|\u001b\][^\u0007]*\u0007|\r(?=\n)/g;

export function plain(text: string): string {
  return text.replace(CONTROLS, '');
}

/** Begin with a part. */
export function first(given: ILogPart): ILogText {
  const part = fromLine(given);
  const begun = { ...EMPTY, start: part.offset, end: part.offset, size: part.size };
  return append(begun, part);
}

/** A part without the end of a line that it begins with: the line is read whole, with what is before. */
function fromLine(part: ILogPart): ILogPart {
  const at = part.offset === 0 ? -1 : part.text.indexOf('\n');
  if (at < 0 || at === part.text.length - 1) {
    return part;
  }
  const skipped = bytesOf(part.text.slice(0, at + 1));
  return { ...part, offset: part.offset + skipped, text: part.text.slice(at + 1) };
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** Add a part at the end; one that was already read is left out. */
export function append(log: ILogText, part: ILogPart): ILogText {
  if (part.offset < log.start || part.size < log.end) {
    // It was written anew: what was read of it is no longer true.
    return first(part);
  }
  if (part.next <= log.end && log.pieces.length > 0) {
    return part.size === log.size ? log : { ...log, size: part.size };
  }
  const pieces = [...log.pieces];
  let text = part.text;
  const open = pieces[pieces.length - 1];
  if (open && (open.lines < PIECE_LINES || !open.raw.endsWith('\n'))) {
    // The last piece goes on, so that a line is never in two pieces.
    pieces.pop();
    text = open.raw + text;
  }
  let id = open && pieces.length < log.pieces.length ? open.id : log.after;
  for (const lines of cut(text)) {
    pieces.push({ id, ...lines });
    id = Math.max(id + 1, log.after);
  }
  const next = { ...log, pieces, end: part.next, size: part.size, after: Math.max(id, log.after) };
  return shorten(next);
}

/** Add a part before the beginning. */
export function prepend(log: ILogText, given: ILogPart): ILogText {
  const part = fromLine(given);
  if (part.offset >= log.start) {
    return log;
  }
  const text = part.text;
  const added: IPiece[] = [];
  const [opening, ...rest] = log.pieces;
  // The line that the first piece begins with may have begun in this part.
  const joined = opening && !text.endsWith('\n') ? text + opening.raw : text;
  const following = opening && !text.endsWith('\n') ? rest : log.pieces;
  const pieces = cut(joined);
  let id = log.before;
  for (let index = pieces.length - 1; index >= 0; index--) {
    added.unshift({ id: id--, ...pieces[index] });
  }
  return { ...log, pieces: [...added, ...following], start: part.offset, before: id };
}

/** Forget the earliest pieces of what has become too long; they are read again when somebody looks there. */
function shorten(log: ILogText): ILogText {
  let length = log.pieces.reduce((sum, piece) => sum + piece.raw.length, 0);
  if (length <= KEPT) {
    return log;
  }
  const pieces = [...log.pieces];
  let start = log.start;
  while (length > KEPT / 2 && pieces.length > 1) {
    const gone = pieces.shift() as IPiece;
    length -= gone.raw.length;
    start += bytesOf(gone.raw);
  }
  return { ...log, pieces, start };
}

function cut(raw: string): Omit<IPiece, 'id'>[] {
  const found: Omit<IPiece, 'id'>[] = [];
  let from = 0;
  while (from < raw.length) {
    let to = from;
    let lines = 0;
    while (lines < PIECE_LINES && to < raw.length && to - from < PIECE_LENGTH) {
      const at = raw.indexOf('\n', to);
      to = Math.min(at < 0 ? raw.length : at + 1, from + PIECE_LENGTH);
      lines++;
    }
    const piece = raw.slice(from, to);
    found.push({ text: plain(piece), raw: piece, lines });
    from = to;
  }
  return found;
}

/** Where a text occurs, up to a number of times, as (piece, position). Capitals make no difference. */
export function find(
  log: ILogText,
  wanted: string,
  limit: number
): { piece: number; at: number }[] {
  const found: { piece: number; at: number }[] = [];
  const low = wanted.toLowerCase();
  if (!low) {
    return found;
  }
  for (const piece of log.pieces) {
    const small = piece.text.toLowerCase();
    // A few letters are longer when small; then places in the one are not those in the other.
    const text = small.length === piece.text.length ? small : piece.text;
    for (let at = text.indexOf(low); at >= 0; at = text.indexOf(low, at + low.length)) {
      found.push({ piece: piece.id, at });
      if (found.length >= limit) {
        return found;
      }
    }
  }
  return found;
}

export function whole(log: ILogText): string {
  return log.pieces.map(piece => piece.text).join('');
}
