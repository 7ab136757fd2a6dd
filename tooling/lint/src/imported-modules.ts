import ts from "typescript";

export interface ImportedModule {
  readonly specifier: string;
  /** Line in the file, from 1. */
  readonly line: number;
}

/** Every module a TypeScript or JavaScript text names: imports, re-exports, `import()` and `require()` of literals. */
export function importedModules(text: string): ImportedModule[] {
  const lineStarts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) lineStarts.push(at + 1);
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName, pos }) => ({
    specifier: fileName,
    line: lineStarts.findLastIndex((start) => start <= pos) + 1,
  }));
}
