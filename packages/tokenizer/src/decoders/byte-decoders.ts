import { charactersToBytes } from "../unicode/byte-characters.js";
import { type Decoder, notWhole, type TokenSink } from "./decoder.js";

/** Tokens of a byte-level vocabulary: their bytes are one text, and what is no UTF-8 becomes U+FFFD. */
export class ByteLevelDecoder implements Decoder {
  readonly needsWhole = true;
  readonly givesWhole = false;

  open(next: TokenSink): TokenSink {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    let begun = false;
    const give = (text: string): void => {
      if (begun) next.more(text);
      else next.token(text);
      begun = true;
    };
    return {
      token: (text) => give(decoder.decode(charactersToBytes(text), { stream: true })),
      more: notWhole,
      end() {
        give(decoder.decode());
        next.end();
      },
    };
  }
}

const byteToken = /^<0x([0-9A-Fa-f]{2}|\+[0-9A-Fa-f])>$/u;
const strict = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

/** Byte tokens such as `<0x0A>`: a run of them is a text if it is UTF-8 as a whole, otherwise every byte is a U+FFFD. */
export class ByteFallbackDecoder implements Decoder {
  readonly needsWhole = true;
  readonly givesWhole = true;

  open(next: TokenSink): TokenSink {
    let run: number[] = [];
    const release = (): void => {
      if (run.length === 0) return;
      const bytes = Uint8Array.from(run);
      run = [];
      let text: string;
      try {
        text = strict.decode(bytes);
      } catch {
        for (let index = 0; index < bytes.length; index++) next.token("\uFFFD");
        return;
      }
      next.token(text);
    };
    return {
      token(text) {
        const byte = text.length === 6 ? byteToken.exec(text) : null;
        if (byte !== null) run.push(Number.parseInt(byte[1]!, 16));
        else {
          release();
          next.token(text);
        }
      },
      more: notWhole,
      end() {
        release();
        next.end();
      },
    };
  }
}
