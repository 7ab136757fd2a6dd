/** Text for HTML and SVG, in elements and in quoted attributes alike. */
export function escapeMarkup(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
}

/** An element with its content, which is markup already; attributes are escaped, undefined ones left out. */
export function element(name: string, attributes: Readonly<Record<string, string | number | undefined>>, ...content: readonly string[]): string {
  const list = Object.entries(attributes).flatMap(([key, value]) => (value === undefined ? [] : [` ${key}="${escapeMarkup(String(value))}"`]));
  return `<${name}${list.join("")}>${content.join("")}</${name}>`;
}

/** A text of an SVG picture. */
export function label(x: number, y: number, text: string, attributes: Readonly<Record<string, string | number | undefined>> = {}): string {
  return element("text", { x: short(x), y: short(y), ...attributes }, escapeMarkup(text));
}

/** Coordinates need no more than a tenth of a pixel. */
export function short(value: number): number {
  return Math.round(value * 10) / 10;
}
