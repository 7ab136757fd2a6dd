import { classificationScore } from "../metrics/classification.js";
import { codeSimilarity } from "../metrics/edit-similarity.js";
import { countScore, retrievalScore } from "../metrics/number-matches.js";
import { questionAnsweringF1 } from "../metrics/question-answering-f1.js";
import { rougeL } from "../metrics/rouge-l.js";

/** How a data set of LongBench is run and scored. */
export interface LongBenchTaskDefinition {
  readonly category: string;
  readonly maxNewTokens: number;
  /** Whether it is published with a chat template. */
  readonly chat: boolean;
  /**
   * Score only the first line, after leading line breaks. (The published program also ends generation of samsum at a line
   * break, but not at the first token; the score is the same.)
   */
  readonly firstLine: boolean;
  metric(prediction: string, reference: string, classes: readonly string[]): number;
}

const chat = { chat: true, firstLine: false } as const;
const fewShot = { chat: false, firstLine: true } as const;
const code = { category: "Code", maxNewTokens: 64, chat: false, firstLine: false, metric: codeSimilarity } as const;

/** Data sets in the order of the paper's tables, those that only LongBench has behind those of their category. */
export const longBenchTasks: Readonly<Record<string, LongBenchTaskDefinition>> = {
  qasper: { ...chat, category: "S-Doc QA", maxNewTokens: 128, metric: questionAnsweringF1 },
  multifieldqa_en: { ...chat, category: "S-Doc QA", maxNewTokens: 64, metric: questionAnsweringF1 },
  narrativeqa: { ...chat, category: "S-Doc QA", maxNewTokens: 128, metric: questionAnsweringF1 },
  hotpotqa: { ...chat, category: "M-Doc QA", maxNewTokens: 32, metric: questionAnsweringF1 },
  "2wikimqa": { ...chat, category: "M-Doc QA", maxNewTokens: 32, metric: questionAnsweringF1 },
  musique: { ...chat, category: "M-Doc QA", maxNewTokens: 32, metric: questionAnsweringF1 },
  gov_report: { ...chat, category: "Summ", maxNewTokens: 512, metric: rougeL },
  multi_news: { ...chat, category: "Summ", maxNewTokens: 512, metric: rougeL },
  qmsum: { ...chat, category: "Summ", maxNewTokens: 512, metric: rougeL },
  trec: { ...fewShot, category: "In-Context", maxNewTokens: 64, metric: classificationScore },
  triviaqa: { ...fewShot, category: "In-Context", maxNewTokens: 32, metric: questionAnsweringF1 },
  samsum: { ...fewShot, category: "In-Context", maxNewTokens: 128, metric: rougeL },
  passage_count: { ...chat, category: "Synthetic", maxNewTokens: 32, metric: countScore },
  passage_retrieval_en: { ...chat, category: "Synthetic", maxNewTokens: 32, metric: retrievalScore },
  lcc: code,
  "repobench-p": code,
};

const onlyInLongBench = ["narrativeqa", "musique", "qmsum"];

/** The 16 English and code data sets of LongBench. */
export const longBenchNames: readonly string[] = Object.keys(longBenchTasks);

/** The 13 data sets of LongBench-E (paper, Table 7). */
export const longBenchENames: readonly string[] = longBenchNames.filter((name) => !onlyInLongBench.includes(name));

/** Data sets of LongBench that need Chinese prompts and word segmentation. */
export const chineseNames: readonly string[] = ["multifieldqa_zh", "dureader", "vcsum", "lsht", "passage_retrieval_zh"];
