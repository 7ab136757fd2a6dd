import { createRequire } from "node:module";

// Sources lie in src/ and builds in dist/, both one level below package.json.
const { version } = createRequire(import.meta.url)("../package.json") as { version: string };

/** Version of this package: another one may make other prompts. */
export const packageVersion = version;
