import type { ChatMessage } from "../request/generation-request.js";
import type { TokenCodec } from "./token-codec.js";

const question: ChatMessage = { role: "user", content: "Which number comes after eleven?" };
const answerText = "The number twelve.";
const answer: ChatMessage = { role: "assistant", content: answerText };
const reasoningText = "One more than eleven.";
const reasonedAnswer: ChatMessage = { ...answer, reasoning_content: reasoningText };

/**
 * Tokens that end an answer as the template writes one: what it puts behind the assistant's last message, such as
 * `<|im_end|>`, or, where it puts nothing there, what the next turn begins with. The last message counts first, because some
 * templates end an earlier one otherwise. A token that also stands between reasoning and answer ends parts, not turns.
 *
 * @param render what the template makes of messages; undefined where it refuses them
 */
export function endOfTurnTokens(render: (messages: readonly ChatMessage[]) => string | undefined, codec: TokenCodec): readonly number[] {
  for (const messages of [[question, answer], [question, answer, question]]) {
    const id = tokenBehindAnswer(render(messages) ?? "", codec);
    if (id !== undefined) return betweenParts(render([question, reasonedAnswer]) ?? "").includes(codec.token(id)!) ? [] : [id];
  }
  return [];
}

/** What the template puts between reasoning and answer; nothing where it leaves the reasoning out. */
function betweenParts(text: string): string {
  const at = text.lastIndexOf(reasoningText);
  return at < 0 ? "" : text.slice(at + reasoningText.length, Math.max(0, text.lastIndexOf(answerText)));
}

function tokenBehindAnswer(text: string, codec: TokenCodec): number | undefined {
  const at = text.lastIndexOf(answerText);
  if (at < 0) return undefined;
  const rest = text.slice(at + answerText.length).trimStart();
  if (rest === "") return undefined;
  let longest: number | undefined;
  for (const [id, token] of codec.specialTokens) {
    if (rest.startsWith(token) && (longest === undefined || token.length > codec.specialTokens.get(longest)!.length)) longest = id;
  }
  return longest ?? writtenMarker(rest, codec);
}

/** A marker such as `<|end|>` that is one token without being marked as special. */
function writtenMarker(text: string, codec: TokenCodec): number | undefined {
  const [marker] = /^<[^<>\s]+>/.exec(text) ?? [];
  return marker === undefined ? undefined : codec.tokenId(marker);
}
