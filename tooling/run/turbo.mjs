// `turbo run` with the arguments given here.
import { startTurbo } from "./start-turbo.mjs";

const turbo = startTurbo(["run", ...process.argv.slice(2)], "inherit");
turbo.on("error", (error) => {
  console.error(`turbo did not start: ${error.message}. Run pnpm install first.`);
  process.exitCode = 1;
});
turbo.on("close", (status) => process.exit(status ?? 1));
