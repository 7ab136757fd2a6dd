import { createRequire } from "node:module";
import { expect, test } from "vitest";

interface ChangelogFunctions {
  getReleaseLine(changeset: { readonly commit?: string; readonly summary: string }): Promise<string>;
  getDependencyReleaseLine(): Promise<string>;
}
const changelog = createRequire(import.meta.url)("../changelog.cjs") as ChangelogFunctions;

test("a change is an item of a list, with its commit behind its first paragraph", async () => {
  const summary = "It is faster,\nand smaller.\n\n- twice on a CPU\n- more on a GPU\n";
  expect(await changelog.getReleaseLine({ commit: "0123456789abcdef", summary })).toBe(
    "- It is faster,\n  and smaller. (0123456)\n\n  - twice on a CPU\n  - more on a GPU",
  );
  expect(await changelog.getReleaseLine({ summary: "One line." })).toBe("- One line.");
});

test("new versions of the repository's other packages are not told: all have the same one", async () => {
  expect(await changelog.getDependencyReleaseLine()).toBe("");
});
