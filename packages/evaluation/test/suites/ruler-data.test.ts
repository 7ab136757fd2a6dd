import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parquetWriteFile, type SchemaElement } from "hyparquet-writer";
import { describe, expect, test } from "vitest";
import type { EvaluationTask } from "../../src/index.js";
import { promptText, samplesOf, sharedData } from "../demo-tokenizer.js";
import { count, rulerTask, shareOf } from "./ruler-task.js";

describe("data of the user", () => {
  const folder = mkdtempSync(join(tmpdir(), "ruler-"));
  const paragraph = (index: number) => `The lighthouse number ${index} was built by keeper ${index} of the northern coast, who painted it twice a year.`;
  const squad = {
    data: [
      {
        paragraphs: Array.from({ length: 60 }, (_, index) => ({
          context: paragraph(index),
          qas: [
            { question: `Who built lighthouse ${index}?`, answers: [{ text: `keeper ${index}` }], is_impossible: false },
            { question: "Never asked?", answers: [], is_impossible: true },
          ],
        })),
      },
    ],
  };
  const hotpot = Array.from({ length: 30 }, (_, index) => ({
    question: `Two steps ${index}?`,
    answer: `answer ${index}`,
    context: [
      [`Title ${index}`, ["One sentence.", ` The answer ${index} is here.`]],
      [`Other ${index}`, ["More text that is not needed."]],
    ],
  }));
  writeFileSync(join(folder, "squad.json"), JSON.stringify(squad));
  writeFileSync(join(folder, "hotpotqa.json"), JSON.stringify(hotpot));
  writeFileSync(join(folder, "haystack.txt"), "One fine day a fox met a hen. They talked about corn! Was it ripe? Nobody knew.\n".repeat(3));
  writeFileSync(join(folder, "words.json"), JSON.stringify({ nouns: list("noun"), adjectives: list("adjective"), verbs: list("verb") }));

  function list(name: string): string[] {
    return Array.from({ length: 30 }, (_, index) => `${name}${index}`);
  }

  test("questions from SQuAD and HotpotQA files; short sets and texts are repeated", async () => {
    const options = { dataDirectory: folder, files: { words: join(folder, "words.json") } };
    const [first] = await samplesOf(await rulerTask("qa_1", options), { lengths: [4096], samplesPerTask: 1 });
    expect(promptText(first!)).toContain("Question: Who built lighthouse 0?");
    expect(first!.references).toEqual(["keeper 0"]);
    expect(shareOf(first!, 4096)).toBeGreaterThanOrEqual(0.98);
    const [second] = await samplesOf(await rulerTask("qa_2", options), { lengths: [4096], samplesPerTask: 1 });
    expect(promptText(second!)).toContain("\nTitle 0\nOne sentence. The answer 0 is here.");
    const [needle] = await samplesOf(await rulerTask("niah_single_2", options), { lengths: [4096], samplesPerTask: 1 });
    expect(count(promptText(needle!), "One fine day a fox met a hen.")).toBeGreaterThan(20);
    expect(needle!.answerPrefix).toMatch(/adjective\d+-noun\d+/);
    expect(shareOf(needle!, 4096)).toBeGreaterThanOrEqual(0.98);
  });

  test("the same questions from Parquet as the hub has them", async () => {
    const squadRows = squad.data[0]!.paragraphs.flatMap(({ context, qas }) => qas.map(({ question, answers }) => ({ context, question, answers })));
    const [squadFile, hotpotFile] = ["squad.parquet", "hotpotqa.parquet"].map((name) => join(folder, name)) as [string, string];
    writeRows(squadFile, [text("title"), text("context"), text("question"), ...group("answers", list("text", text("element")), list("answer_start", whole("element")))], {
      title: squadRows.map(() => "Lighthouses"),
      context: squadRows.map(({ context }) => context),
      question: squadRows.map(({ question }) => question),
      answers: squadRows.map(({ answers }) => ({ text: answers.map((answer) => answer.text), answer_start: answers.map(() => 0) })),
    });
    writeRows(hotpotFile, [text("question"), text("answer"), ...group("context", list("title", text("element")), list("sentences", ...list("element", text("element"))))], {
      question: hotpot.map(({ question }) => question),
      answer: hotpot.map(({ answer }) => answer),
      context: hotpot.map(({ context }) => ({ title: context.map(([title]) => title), sentences: context.map(([, sentences]) => sentences) })),
    });
    const samples = async (name: string, files: Record<string, string>) => samplesOf(await rulerTask(name, { files }), { lengths: [4096], samplesPerTask: 3 });
    expect(await samples("qa_1", { squad: squadFile })).toEqual(await samples("qa_1", { squad: join(folder, "squad.json") }));
    expect(await samples("qa_2", { hotpotqa: hotpotFile })).toEqual(await samples("qa_2", { hotpotqa: join(folder, "hotpotqa.json") }));

    await expect(rulerTask("qa_1", { files: { squad: hotpotFile } })).rejects.toThrow(/hotpotqa\.parquet, row 1: title/);
    await expect(rulerTask("qa_2", { files: { hotpotqa: join(folder, "absent.parquet") } })).rejects.toThrow(/Cannot read .*absent\.parquet/);
    writeFileSync(squadFile, readFileSync(squadFile).subarray(0, 500));
    await expect(rulerTask("qa_1", { files: { squad: squadFile } })).rejects.toThrow(/Cannot read .*squad\.parquet[\s\S]*downloaded again/);

    function text(name: string): SchemaElement {
      return { name, type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" };
    }
    function whole(name: string): SchemaElement {
      return { name, type: "INT32", repetition_type: "OPTIONAL" };
    }
    function list(name: string, ...element: SchemaElement[]): SchemaElement[] {
      return [{ name, num_children: 1, repetition_type: "OPTIONAL", converted_type: "LIST" }, { name: "list", num_children: 1, repetition_type: "REPEATED" }, ...element];
    }
    function group(name: string, ...children: SchemaElement[][]): SchemaElement[] {
      return [{ name, num_children: children.length, repetition_type: "OPTIONAL" }, ...children.flat()];
    }
    function writeRows(filename: string, schema: SchemaElement[], columns: Record<string, unknown[]>): void {
      const columnData = Object.entries(columns).map(([name, data]) => ({ name, data }));
      parquetWriteFile({ filename, columnData, schema: [{ name: "schema", num_children: columnData.length }, ...schema] });
    }
  });

  test("long word lists go beyond the words given", async () => {
    const [one] = await samplesOf(await rulerTask("cwe", { files: { words: join(folder, "words.json") } }), { lengths: [16_384], samplesPerTask: 1 });
    expect(shareOf(one!, 16_384)).toBeGreaterThanOrEqual(0.98);
  });

  test("damaged and missing files are named, with what to do", async () => {
    const broken = join(folder, "broken.json");
    writeFileSync(broken, JSON.stringify(squad).slice(0, 700));
    await expect(rulerTask("qa_1", { files: { squad: broken } })).rejects.toThrow(/broken\.json is not JSON[\s\S]*download it again/);
    await expect(rulerTask("qa_1", { files: { squad: join(folder, "absent.json") } })).rejects.toThrow("does not exist");
    await expect(rulerTask("qa_1", { dataDirectory: join(folder, "absent") })).rejects.toThrow("does not exist");
    writeFileSync(broken, JSON.stringify({ data: [{ paragraphs: [{ context: 3, qas: [] }] }] }));
    await expect(rulerTask("qa_1", { files: { squad: broken } })).rejects.toThrow(/data\.0\.paragraphs\.0\.context/);
    writeFileSync(broken, "");
    await expect(rulerTask("niah_single_2", { files: { haystack: broken } })).rejects.toThrow("is empty");
    await expect(rulerTask("qa_1", { files: { sqaud: broken } })).rejects.toThrow('Did you mean "squad"?');
  });
});

const xquad = sharedData("xquad_en");
test.skipIf(xquad === undefined)("real SQuAD paragraphs (skipped without the shared data)", async () => {
  const each: EvaluationTask = await rulerTask("qa_1", { files: { squad: join(xquad!, "first_half.json") } });
  for (const one of await samplesOf(each, { lengths: [8192], samplesPerTask: 3 })) {
    expect(shareOf(one, 8192)).toBeGreaterThanOrEqual(0.98);
    expect(shareOf(one, 8192)).toBeLessThanOrEqual(1);
    expect(promptText(one)).toContain(one.references[0]!);
  }
});
