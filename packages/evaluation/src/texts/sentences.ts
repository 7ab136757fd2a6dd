/** Sentences of running text: an end mark, with closing quotes or brackets, before white space. */
export function splitSentences(text: string): string[] {
  const sentences: string[] = [];
  let from = 0;
  for (const { index, 0: end } of text.matchAll(/[.!?]["'”’)\]]*\s+/g)) {
    sentences.push(text.slice(from, index) + end.trimEnd());
    from = index + end.length;
  }
  if (from < text.length) sentences.push(text.slice(from));
  return sentences;
}

/** Every run of white space becomes one space. */
export function joinLines(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

