// Fetches one file with the environment's settings: a process to be killed. It says how far it is.
import { fetchFiles } from "../../dist/index.js";

const [name, path] = process.argv.slice(2);
await fetchFiles({ repository: { type: "dataset", name }, files: [path], onProgress: ({ done }) => console.log(done) });
