import type { RepositoryFile } from "../cache/repository-cache.js";

/** One GGUF model of a repository: a file, or the parts of one that was split. */
export interface GgufModel {
  /** Path without part number and ending. */
  readonly stem: string;
  /** "Q4_K_M", as the file's name has it; undefined where it says nothing. */
  readonly quantisation: string | undefined;
  /** In the order of parts. */
  readonly files: readonly RepositoryFile[];
  /** How many parts the names count. */
  readonly parts: number;
  /** Bytes. */
  readonly size: number;
}

const partPattern = /-(\d{5})-of-(\d{5})$/;
/** The words that llama.cpp and its converters end names with. */
const quantisationPattern = /(?:^|[-._/])((?:UD-)?(?:I?Q\d\w*|TQ\d_\d|B?F16|F32|MXFP4\w*))$/i;

/** The GGUF models of a repository; projectors and importance matrices, which are no models, are left out. */
export function ggufModels(files: readonly RepositoryFile[]): GgufModel[] {
  const groups = new Map<string, RepositoryFile[]>();
  for (const file of files) {
    if (!/\.gguf$/i.test(file.path) || /(^|[/.-])(mmproj|imatrix)([/.-]|$)/i.test(file.path)) continue;
    const name = file.path.replace(/\.gguf$/i, "");
    const key = name.replace(partPattern, "");
    groups.set(key, [...(groups.get(key) ?? []), file]);
  }
  return [...groups].map(([stem, members]) => {
    const sorted = members.toSorted((left, right) => (left.path < right.path ? -1 : 1));
    const count = partPattern.exec(sorted[0]!.path.replace(/\.gguf$/i, ""))?.[2];
    return {
      stem,
      quantisation: quantisationPattern.exec(stem)?.[1],
      files: sorted,
      parts: count === undefined ? 1 : Number(count),
      size: sorted.reduce((sum, { size }) => sum + size, 0),
    };
  });
}

/** The models that a quantisation, a file or a part of one selects: those that end with it, else those that name it anywhere. */
export function selectGguf(models: readonly GgufModel[], selector: string): readonly GgufModel[] {
  const wanted = selector.toLowerCase();
  const exact = models.filter(({ files }) => files.some(({ path }) => path.toLowerCase() === wanted));
  if (exact.length > 0) return exact;
  const byFileName = models.filter(({ files }) => files.some(({ path }) => path.toLowerCase().endsWith(`/${wanted}`)));
  if (byFileName.length > 0) return byFileName;
  const byQuantisation = models.filter(({ quantisation }) => quantisation?.toLowerCase() === wanted);
  if (byQuantisation.length > 0) return byQuantisation;
  const words = (stem: string) => stem.toLowerCase();
  const atEnd = models.filter(({ stem }) => new RegExp(`(^|[-._/])${escaped(wanted)}$`).test(words(stem)));
  if (atEnd.length > 0) return atEnd;
  return models.filter(({ stem }) => new RegExp(`(^|[-._/])${escaped(wanted)}([-._/]|$)`).test(words(stem)));
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
