/** Lower case character by character, without the rule for a sigma at a word's end. */
export function lowerCase(text: string): string {
  return text.includes("Σ") ? text.split("Σ").map((part) => part.toLowerCase()).join("σ") : text.toLowerCase();
}
