const [quote, openBracket, closeBracket, openBrace, closeBrace] = [0x22, 0x5b, 0x5d, 0x7b, 0x7d];

/**
 * The first key that stands twice in one object of a valid JSON text, which JSON.parse would silently accept; undefined
 * when there is none. One pass, memory in proportion to the keys.
 */
export function findDuplicateKey(json: string): string | undefined {
  const objects: (Set<string> | undefined)[] = [];
  for (let i = 0; i < json.length; i++) {
    // By codes: characters of their own would be most of a hostile header's time.
    const code = json.charCodeAt(i);
    if (code === openBrace) objects.push(new Set());
    else if (code === openBracket) objects.push(undefined);
    else if (code === closeBrace || code === closeBracket) objects.pop();
    else if (code === quote) {
      const end = endOfString(json, i);
      let next = end;
      while (" \t\n\r".includes(json[next] ?? "x")) next += 1;
      if (json[next] === ":") {
        const key = JSON.parse(json.slice(i, end)) as string;
        const keys = objects.at(-1);
        if (keys?.has(key)) return key;
        keys?.add(key);
      }
      i = end - 1;
    }
  }
  return undefined;
}

/** Index after the closing quote of the string that begins at `start`. */
function endOfString(json: string, start: number): number {
  let i = start + 1;
  while (i < json.length && json[i] !== '"') i += json[i] === "\\" ? 2 : 1;
  return i + 1;
}
