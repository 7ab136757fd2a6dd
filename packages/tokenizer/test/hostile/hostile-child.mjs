// Reads every tokenizer that is given and encodes every text, with the built package; says what did not end in a typed
// error, and by how many megabytes the process grew at most.
import { readFileSync } from "node:fs";
import { TokenizerError } from "@elastic-attention/core";
import { TokenizerPipeline } from "@elastic-attention/tokenizer";

const { files, texts } = JSON.parse(readFileSync(0, "utf8"));
const wrong = [];
const refused = (name, maySucceed, work) => {
  try {
    work();
    if (!maySucceed) wrong.push(`${name}: accepted`);
  } catch (error) {
    if (!TokenizerError.isInstance(error)) wrong.push(`${name}: ${String(error)}`);
  }
};
// Not maxRSS of resourceUsage, which counts what the process had before it became this program.
const megabytes = () => Number(/VmHWM:\s*(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]) / 1024;
const before = megabytes();
for (const [name, file] of Object.entries(files)) refused(name, false, () => new TokenizerPipeline(file));
for (const [name, { tokenizer, text, limit, maySucceed }] of Object.entries(texts)) {
  const pipeline = new TokenizerPipeline(tokenizer);
  const long = (text.before ?? "") + text.unit.repeat(text.times) + (text.behind ?? "");
  refused(name, maySucceed, () => pipeline.encode(long, { limit }));
  if (pipeline.encode("a").length !== 1) wrong.push(`${name}: the next text fails`);
  if (process.env.SHOW) console.error(name, megabytes() - before);
}
console.log(JSON.stringify({ wrong, grown: megabytes() - before }));
