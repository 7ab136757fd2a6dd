import ts from "typescript";

export interface ImportedModule {
  readonly specifier: string;
  /** Line in the file, from 1. */
  readonly line: number;
  /** Whether only types are imported, of which nothing is left when the program runs. */
  readonly isTypeOnly: boolean;
}

/** Every module a TypeScript or JavaScript text names: imports, re-exports, `import()` and `require()` of literals. */
export function importedModules(text: string): ImportedModule[] {
  const lineStarts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) lineStarts.push(at + 1);
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName, pos }) => {
    const line = lineStarts.findLastIndex((start) => start <= pos) + 1;
    const isTypeOnly = /^import type\b/.test(text.slice(lineStarts[line - 1], pos));
    return { specifier: fileName, line, isTypeOnly };
  });
}
