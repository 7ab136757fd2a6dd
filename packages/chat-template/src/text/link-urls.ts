import { codePointLength, codeUnitIndex } from "./code-points.js";
import { escapeHtml } from "./html.js";

export interface LinkOptions {
  readonly trimLimit: number | undefined;
  readonly target: string | undefined;
  readonly rel: string;
  readonly extraSchemes: readonly string[];
}

const webAddress = /^(?:https?:\/\/|www\.)(?:[\w%-]+\.)+[a-z]{2,}(?::\d*)?(?:[/?#]\S*)?$|^https?:\/\/(?:[\w%-]+|\[[\da-f:]+\])(?::\d*)?(?:[/?#]\S*)?$|^(?:[\w%-]+\.)+(?:com|net|int|edu|gov|org|info|mil)(?::\d*)?(?:[/?#]\S*)?$/i;
const mailAddress = /^[^\s<>@]+@(?:[^\s.@]+\.)+[^\s.@]+$/;
const leading = /^(?:[(<]|&lt;)+/;
const trailing = /(?:[)>.,\n]|&gt;)+$/;
const brackets = [
  ["(", ")"],
  ["<", ">"],
  ["&lt;", "&gt;"],
] as const;

/** Escaped text in which web and mail addresses are links, as jinja2's filter `urlize` writes them. */
export function linkUrls(text: string, options: LinkOptions): string {
  return escapeHtml(text)
    .split(/(\s+)/)
    .map((word) => (word.length > 2048 ? word : linkWord(word, options)))
    .join("");
}

function linkWord(word: string, options: LinkOptions): string {
  const head = leading.exec(word)?.[0] ?? "";
  let middle = word.slice(head.length);
  let tail = trailing.exec(middle)?.[0] ?? "";
  middle = middle.slice(0, middle.length - tail.length);
  // Closing brackets that belong to the address stay with it.
  for (const [open, close] of brackets) {
    let missing = occurrences(middle, open) - occurrences(middle, close);
    for (; missing > 0 && tail.includes(close); missing--) {
      const end = tail.indexOf(close) + close.length;
      middle += tail.slice(0, end);
      tail = tail.slice(end);
    }
  }
  return head + linkAddress(middle, options) + tail;
}

function occurrences(text: string, part: string): number {
  return text.split(part).length - 1;
}

function linkAddress(address: string, options: LinkOptions): string {
  if (webAddress.test(address)) {
    const href = /^https?:\/\//i.test(address) ? address : `https://${address}`;
    return `<a href="${href}"${attributes(options)}>${shorten(address, options)}</a>`;
  }
  if (address.startsWith("mailto:") && mailAddress.test(address.slice(7))) {
    return `<a href="${address}">${address.slice(7)}</a>`;
  }
  if (mailAddress.test(address) && !address.includes("://") && !address.startsWith("www.") && !address.startsWith(":")) {
    return `<a href="mailto:${address}">${address}</a>`;
  }
  if (options.extraSchemes.some((scheme) => address !== scheme && address.startsWith(scheme))) {
    return `<a href="${address}"${attributes(options)}>${address}</a>`;
  }
  return address;
}

function attributes({ rel, target }: LinkOptions): string {
  const relation = rel === "" ? "" : ` rel="${escapeHtml(rel)}"`;
  return target === undefined ? relation : `${relation} target="${escapeHtml(target)}"`;
}

function shorten(address: string, { trimLimit }: LinkOptions): string {
  if (trimLimit === undefined || codePointLength(address) <= trimLimit) return address;
  return `${address.slice(0, codeUnitIndex(address, trimLimit))}...`;
}
