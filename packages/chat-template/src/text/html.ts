import { splitWhitespace } from "../methods/text-split.js";
import { htmlEntities } from "./html-entities.js";

const special: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", "'": "&#39;", '"': "&#34;" };

export function escapeHtml(text: string): string {
  return text.replace(/[&<>'"]/g, (character) => special[character]!);
}

/** A text without tags, comments and entities, its white space collapsed. */
export function stripTags(text: string): string {
  const withoutComments = cut(text, "<!--", "-->");
  return unescapeHtml(splitWhitespace(cut(withoutComments, "<", ">")).join(" "));
}

/** Removes everything from an opening to the next closing. */
function cut(text: string, opening: string, closing: string): string {
  let kept = "";
  let from = 0;
  for (let open = text.indexOf(opening); open >= 0; open = text.indexOf(opening, from)) {
    const close = text.indexOf(closing, open);
    if (close < 0) break;
    kept += text.slice(from, open);
    from = close + closing.length;
  }
  return kept + text.slice(from);
}

/** Entities by number, and by the names that HTML 4 has. */
export function unescapeHtml(text: string): string {
  return text.replace(/&(?:#(\d{1,8})|#[xX]([\da-fA-F]{1,6})|([a-zA-Z]\w{1,10}));?/g, (whole, decimal?: string, hexadecimal?: string, name?: string) => {
    if (name !== undefined) return htmlEntities.get(name) ?? whole;
    const code = decimal === undefined ? Number.parseInt(hexadecimal!, 16) : Number(decimal);
    return code === 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? "\ufffd" : String.fromCodePoint(code);
  });
}
