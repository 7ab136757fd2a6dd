/** Above so many units a text is changed in a buffer: the engine's own replacement keeps a record of every place. */
const shortText = 1024;

/** Replaces one UTF-16 unit of a text by another everywhere. */
export function replaceUnit(text: string, sought: string, content: string): string {
  if (text.length <= shortText) return text.replaceAll(sought, content === "$" ? "$$" : content);
  if (!text.includes(sought)) return text;
  const bytes = Buffer.from(text, "utf16le");
  const units = new Uint16Array(bytes.buffer, bytes.byteOffset, text.length);
  const [from, to] = [sought.charCodeAt(0), content.charCodeAt(0)];
  for (let index = 0; index < units.length; index++) if (units[index] === from) units[index] = to;
  return bytes.toString("utf16le");
}
