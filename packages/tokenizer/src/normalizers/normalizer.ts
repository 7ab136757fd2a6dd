/** Whether a text still begins where the text that it was made from began. Metaspace's scheme "first" asks for it. */
export interface Origin {
  atStart: boolean;
}

/** Changes a text before it is cut. */
export interface Normalizer {
  /** @param origin is told when what the text began with was taken away. */
  normalize(text: string, origin: Origin): string;
}

/** Takes characters away. */
export class CharacterFilter implements Normalizer {
  /**
   * @param removed characters to take away, as a global expression.
   */
  constructor(private readonly removed: RegExp) {}

  normalize(text: string, origin: Origin): string {
    const result = text.replace(this.removed, "");
    if (result.length !== text.length) {
      this.removed.lastIndex = 0;
      if (this.removed.exec(text)?.index === 0) origin.atStart = false;
      this.removed.lastIndex = 0;
    }
    return result;
  }
}

export class NormalizerSequence implements Normalizer {
  constructor(private readonly normalizers: readonly Normalizer[]) {}

  normalize(text: string, origin: Origin): string {
    return this.normalizers.reduce<string>((result, normalizer) => normalizer.normalize(result, origin), text);
  }
}
