import type { CheckpointEntry } from "@elastic-attention/tensor";
import { type ConvertedFile, type ConvertedType, matrixType, typeName } from "./converted-types.js";
import { isBlocked } from "../loading/weight-plan.js";

/** What the matrices of a model are written in, and what a user should know of it. */
export class TypeChoices {
  readonly #elements = new Map<string, number>();
  /** Matrices in another type than was asked for, by that type. */
  readonly #others = new Map<string, string[]>();
  /** Formats in blocks that were unpacked. */
  readonly #unpacked = new Map<string, string>();

  /** @param asked for matrices; undefined: each stays in its own type where the file can hold it */
  constructor(
    readonly asked: ConvertedType | undefined,
    private readonly file: ConvertedFile,
  ) {}

  /** What a matrix is written in. */
  matrix(name: string, { type: source, shape }: Pick<CheckpointEntry, "type" | "shape">): string {
    const type = matrixType(this.asked, this.file, source, shape.at(-1)!);
    this.count(type, shape);
    if (this.asked !== undefined && type !== typeName(this.asked)) this.#others.set(type, [...(this.#others.get(type) ?? []), name]);
    if (isBlocked(source) && source !== type) this.#unpacked.set(source, type);
    return type;
  }

  /** Counts a matrix that is written in a type whatever was asked for. */
  count(type: string, shape: readonly number[]): void {
    this.#elements.set(type, (this.#elements.get(type) ?? 0) + shape.reduce((product, size) => product * size, 1));
  }

  /** The type of most weights. */
  get main(): string {
    return [...this.#elements].reduce((most, each) => (each[1] > most[1] ? each : most), ["F32", 0] as [string, number])[0];
  }

  /** All types of matrices, the one of most weights first. */
  get types(): readonly string[] {
    return [...this.#elements].sort((a, b) => b[1] - a[1]).map(([type]) => type);
  }

  /** In sentences. */
  get notes(): readonly string[] {
    return [
      ...[...this.#others].map(([type, names]) => {
        const more = names.length > 3 ? ` and ${names.length - 3} more` : "";
        return `${names.length === 1 ? "1 matrix" : `${names.length} matrices`} whose rows are not whole blocks of ${typeName(this.asked!)}, written in ${type}: ${names.slice(0, 3).join(", ")}${more}.`;
      }),
      ...[...this.#unpacked].map(([source, type]) => `Weights in ${source} are unpacked to float32 and written in ${type}: the error of both is in them.`),
    ];
  }
}
