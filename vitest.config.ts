import { defineConfig } from "vitest/config";

// Tests import the sources of every package through the export condition "source": no build is needed before them.
const conditions = ["source", "node", "import", "module", "default"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions }, noExternal: [/^@elastic-attention\//] },
  test: {
    include: ["packages/*/test/**/*.test.ts", "apps/*/test/**/*.test.ts", "tooling/*/test/**/*.test.ts"],
    pool: "threads",
    testTimeout: 60_000,
  },
});
