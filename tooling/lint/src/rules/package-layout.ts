import type { Violation } from "../violation.js";
import type { Workspace } from "../workspace.js";

/** The docs app is built from other packages' sources and has none of its own. */
const withoutSources = new Set(["apps/docs"]);

/** Every package and app has `src`, at least one test, and a README. */
export function checkPackageLayout(workspace: Workspace): Violation[] {
  return workspace.packages
    .filter(({ area, folder }) => area !== "tooling" && !withoutSources.has(folder))
    .flatMap(({ folder, files }) => {
      const missing: string[] = [];
      if (!files.some((file) => file.startsWith(`${folder}/src/`))) missing.push("src");
      if (!files.some((file) => file.startsWith(`${folder}/test/`) && file.endsWith(".test.ts"))) {
        missing.push("test/*.test.ts");
      }
      if (!files.includes(`${folder}/README.md`)) missing.push("README.md");
      return missing.map((part) => ({
        file: `${folder}/package.json`,
        line: 1,
        rule: "package-layout",
        message: `${folder} has no ${part}: every package has src, test and a README with a runnable example.`,
      }));
    });
}
