// Resolves one model with the environment's settings, in a process and a folder of its own; `progress` in the second
// argument also writes the bytes that are there.
import { resolveModel } from "../../dist/index.js";

const [name, progress] = process.argv.slice(2);
const onProgress = progress === "progress" ? ({ done }) => console.log(done) : undefined;
try {
  console.log(JSON.stringify(await resolveModel(name, onProgress === undefined ? {} : { onProgress })));
} catch (error) {
  console.log(JSON.stringify({ error: error.name, message: error.message }));
}
