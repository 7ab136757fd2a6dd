/** A book as running text: line breaks inside paragraphs become spaces. */
export function runningText(text: string): string {
  return text.replace(/\r/g, "").replace(/([^\n])\n(?!\n)/g, "$1 ");
}
