import { extname } from "node:path";
import { InvalidRequestError, TextEncodingError, decodeText } from "@elastic-attention/core";

/** What a file is that is no plain text, and what makes a text of it. */
interface FileKind {
  readonly name: string;
  readonly advice: string;
}

const html: FileKind = {
  name: "an HTML page",
  advice: "Make a text of it first: pandoc -t plain PAGE -o PAGE.txt. To have the markup itself read, give it on standard input.",
};
const byConversion = "Make a text of it first: pandoc -t plain FILE -o FILE.txt.";
const byUnpacking = "Unpack it first, and name the files of text in it.";
/** Advice by the usual ending of a kind. */
const advice: Readonly<Record<string, string>> = {
  pdf: "Make a text of it first: pdftotext FILE FILE.txt.",
  rtf: byConversion, docx: byConversion, odt: byConversion, epub: byConversion, pptx: byConversion,
  zip: byUnpacking, gz: byUnpacking, zst: byUnpacking, xz: byUnpacking, bz2: byUnpacking, tar: byUnpacking, "7z": byUnpacking,
};
/** Endings of formats that are text to whoever looks at their bytes. */
const textFormats: ReadonlySet<string> = new Set(["xml", "svg", "ics", "vcf", "vtt", "gpx", "kml", "json"]);

/**
 * The text of a prompt's file: UTF-8, or UTF-16 with a byte order mark.
 *
 * @throws InvalidRequestError for what is no plain text, naming what it is and what to do; TextEncodingError for other encodings
 */
export async function promptText(bytes: Uint8Array, name: string): Promise<string> {
  const kind = await kindOf(bytes);
  if (kind !== undefined) throw new InvalidRequestError(`${name} is ${kind.name}, and prompts are plain text.`, kind.advice);
  return decodeText(bytes, name);
}

/** A page, by its name or its first tag; on standard input it is text like any other. */
export function refusePage(text: string, name: string): void {
  const isPage = /^\.x?html?$/i.test(extname(name)) || /^\s*(?:<\?xml[^>]*>\s*)?(?:<!--[\s\S]{0,2000}?-->\s*)*<(?:!doctype\s+html|html)[\s>]/i.test(text.slice(0, 4000));
  if (isPage) throw new InvalidRequestError(`${name} is ${html.name}, and prompts are plain text.`, html.advice);
}

async function kindOf(bytes: Uint8Array): Promise<FileKind | undefined> {
  // Most files are text: what tells kinds apart is loaded for others only.
  if (isText(bytes) && !/^(?:%PDF-|\{\\rtf)/.test(new TextDecoder("latin1").decode(bytes.subarray(0, 8)))) return undefined;
  const { fileTypeFromBuffer } = await import("file-type");
  const found = await fileTypeFromBuffer(bytes).catch(() => undefined);
  if (found === undefined || textFormats.has(found.ext)) return undefined;
  return { name: `a file of the kind ${found.ext} (${found.mime})`, advice: advice[found.ext] ?? "Name a file of text." };
}

function isText(bytes: Uint8Array): boolean {
  try {
    decodeText(bytes, "");
    return true;
  } catch (error) {
    if (TextEncodingError.isInstance(error)) return false;
    throw error;
  }
}
