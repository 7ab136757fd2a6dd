const [quote, backslash, openBracket, closeBracket, openBrace, comma] = [0x22, 0x5c, 0x5b, 0x5d, 0x7b, 0x2c];

/**
 * Items of the longest flat array in a JSON text: what a hostile header could be made of is known before it is decoded. A
 * text that is not JSON gives any number.
 */
export function longestList(json: Uint8Array): number {
  let longest = 0;
  /** Items of the array that is read; 0 outside of one. */
  let items = 0;
  for (let i = 0; i < json.length; i++) {
    const code = json[i];
    if (code === comma && items > 0) items += 1;
    else if (code === openBracket) items = 1;
    else if (code === closeBracket || code === openBrace) {
      if (items > longest) longest = items;
      items = 0;
    } else if (code === quote) {
      for (i += 1; i < json.length && json[i] !== quote; i++) if (json[i] === backslash) i += 1;
    }
  }
  return Math.max(longest, items);
}
