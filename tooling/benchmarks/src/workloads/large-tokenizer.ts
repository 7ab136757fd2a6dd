/** A byte-level tokenizer.json of so many tokens, as large vocabularies have them: every token merges two before it, mostly short ones. */
export function largeTokenizer(tokens: number): string {
  let state = 11;
  const draw = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  // The characters that stand for bytes; any 256 that are printable do.
  const list = Array.from({ length: 256 }, (_, index) => String.fromCharCode(index < 94 ? 0x21 + index : 0x100 + index));
  const vocab = new Map(list.map((token, id) => [token, id]));
  const merges: string[] = [];
  while (list.length < tokens) {
    const [left, right] = [list[draw(list.length)]!, list[draw(1 + draw(list.length))]!];
    const token = left + right;
    if (token.length > 16) continue;
    // Several rules can make the same token.
    merges.push(`${left} ${right}`);
    if (vocab.has(token)) continue;
    vocab.set(token, list.length);
    list.push(token);
  }
  const model = { type: "BPE", vocab: Object.fromEntries(vocab), merges };
  return JSON.stringify({ version: "1.0", added_tokens: [], normalizer: null, pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: true }, post_processor: null, decoder: { type: "ByteLevel" }, model });
}
