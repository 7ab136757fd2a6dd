import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";

export interface PackageOptions {
  readonly dependencies?: readonly string[];
  readonly devDependencies?: readonly string[];
  readonly exports?: Readonly<Record<string, string>>;
}

/** The text of a package.json of the scope, one dependency a line. */
export function manifest(name: string, options: PackageOptions = {}): string {
  const versions = (names: readonly string[] = []): Record<string, string> =>
    Object.fromEntries(names.map((dependency) => [`@elastic-attention/${dependency}`, "workspace:*"]));
  return JSON.stringify(
    {
      name: `@elastic-attention/${name}`,
      exports: options.exports ?? { ".": "./src/index.ts" },
      dependencies: versions(options.dependencies),
      devDependencies: versions(options.devDependencies),
    },
    null,
    2,
  );
}

/** The files of a package under packages/ that keeps every rule, to be spread into `temporaryWorkspace`. */
export function goodPackage(name: string, options: PackageOptions = {}): Record<string, string> {
  const folder = `packages/${name}`;
  return {
    [`${folder}/package.json`]: manifest(name, options),
    [`${folder}/README.md`]: `# ${name}\n`,
    [`${folder}/src/index.ts`]: "export {};\n",
    [`${folder}/test/index.test.ts`]: 'import "../src/index.js";\n',
  };
}

/** A git repository of these files, tracked, in a folder that is removed after the test. */
export function temporaryWorkspace(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), "workspace-rules-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }
  execFileSync("git", ["init", "--quiet"], { cwd: root });
  execFileSync("git", ["add", "--all"], { cwd: root });
  return root;
}
