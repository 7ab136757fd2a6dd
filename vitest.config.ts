import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

// Tests import the sources of every package through the export condition "source": no build is needed before them.
const conditions = ["source", "node", "import", "module", "default"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions }, noExternal: [/^@elastic-attention\//] },
  test: {
    include: ["packages/*/test/**/*.test.ts", "apps/*/test/**/*.test.ts", "tooling/*/test/**/*.test.ts"],
    // Worker threads share one process, so native addons are loaded as servers load them.
    pool: "threads",
    // The default leaves a core for the main process, which has little to do: half of a machine with two.
    maxWorkers: availableParallelism() > 2 ? availableParallelism() - 1 : availableParallelism(),
    testTimeout: 60_000,
    setupFiles: ["tooling/fixtures/src/typed-array-equality.ts"],
    // .ci/run counts the tests from this report.
    reporters: process.env["CI"] === undefined ? ["default"] : ["default", ["json", { outputFile: "build/vitest-report.json" }]],
    coverage: {
      provider: "v8",
      include: ["packages/*/src/**/*.ts", "apps/*/src/**/*.ts"],
      reporter: ["text-summary", "html"],
    },
  },
});
