import stringWidth from "string-width";

/** A token of a prompt. */
export interface ShownToken {
  readonly index: number;
  readonly id: number;
  /** As the vocabulary has it. */
  readonly piece: string;
  readonly special: boolean;
}

/** Columns of text that a piece takes at most; longer ones are cut. */
const longestPiece = 24;
const gap = "   ";

/** One token a line: its place, id and piece, between tabs. */
export function tokenLines(tokens: readonly ShownToken[]): string {
  return tokens.map(({ index, id, piece, special }) => `${index}\t${id}\t${visible(piece)}${special ? "\t*" : ""}`).join("\n");
}

/** Tokens in as many columns as a terminal has room for, read from top to bottom and then to the right. */
export function tokenColumns(tokens: readonly ShownToken[], terminalColumns: number): string {
  if (tokens.length === 0) return "";
  const indexWidth = String(tokens.length - 1).length;
  const idWidth = Math.max(...tokens.map(({ id }) => String(id).length));
  const pieces = tokens.map(({ piece, special }) => `${special ? "*" : " "}${shortened(visible(piece), longestPiece)}`);
  const pieceWidth = Math.max(...pieces.map((piece) => stringWidth(piece)));
  const cells = tokens.map(({ index, id }, at) => `${String(index).padStart(indexWidth)} ${String(id).padStart(idWidth)} ${padded(pieces[at]!, pieceWidth)}`);
  const cellWidth = indexWidth + idWidth + pieceWidth + 2;
  const across = Math.max(1, Math.floor((terminalColumns - 1 + gap.length) / (cellWidth + gap.length)));
  const lines = Math.ceil(cells.length / across);
  return Array.from({ length: lines }, (_, line) => {
    const row = Array.from({ length: across }, (_, column) => cells[column * lines + line]).filter((cell) => cell !== undefined);
    return row.join(gap).trimEnd();
  }).join("\n");
}

/** Control characters, and what has no picture of its own, as escapes. */
function visible(piece: string): string {
  return piece.replace(/[\p{C}\p{Zl}\p{Zp}\p{Zs}]/gu, (character) => {
    if (character === " ") return character;
    const short = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }[character];
    return short ?? `\\u{${character.codePointAt(0)!.toString(16)}}`;
  });
}

function shortened(text: string, columns: number): string {
  if (stringWidth(text) <= columns) return text;
  let [cut, width] = ["", 0];
  for (const character of text) {
    width += stringWidth(character);
    if (width > columns - 1) break;
    cut += character;
  }
  return `${cut}…`;
}

function padded(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - stringWidth(text)));
}
