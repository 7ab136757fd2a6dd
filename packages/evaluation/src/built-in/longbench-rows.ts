import { SeededRandom } from "../seeded-random.js";
import { type InventedPerson, inventWorld, paragraphAbout } from "./invented-people.js";

/** A row in LongBench's published form. */
export interface LookAlikeRow {
  readonly input: string;
  readonly context: string;
  readonly answers: readonly string[];
  readonly length: number;
  readonly dataset: string;
  readonly language: string;
  readonly all_classes: readonly string[] | null;
  readonly _id: string;
}

/** Lengths of the contexts in words: one or more for each bucket. */
const wordTargets = [600, 1500, 3000, 4300, 5600, 8200];

type Parts = Pick<LookAlikeRow, "input" | "context" | "answers"> & { readonly all_classes?: readonly string[] };

/** Six made-up rows of a data set, of 600 to 8 200 words: to try a run, and for tests. Nothing in them is real. */
export function lookAlikeRows(dataset: string): readonly LookAlikeRow[] {
  return wordTargets.map((target, index) => {
    const random = new SeededRandom(`look-alike ${dataset} ${index}`, 1);
    const { input, context, answers, all_classes } = makers[dataset]!(random, target);
    const length = `${input} ${context} ${answers.join(" ")}`.split(/\s+/).length;
    return { input, context, answers, length, dataset, language: "en", all_classes: all_classes ?? null, _id: `look-alike-${dataset}-${index}` };
  });
}

const makers: Readonly<Record<string, (random: SeededRandom, words: number) => Parts>> = {
  qasper: article,
  multifieldqa_en: article,
  narrativeqa: article,
  hotpotqa: twoSteps,
  "2wikimqa": twoSteps,
  musique: twoSteps,
  gov_report: report,
  multi_news: report,
  qmsum: (random, words) => ({ ...report(random, words), input: "Summarize the document." }),
  trec: questionTypes,
  triviaqa: trivia,
  samsum: dialogues,
  passage_count: duplicates,
  passage_retrieval_en: abstracts,
  lcc: (random, words) => sourceCode(random, words, false),
  "repobench-p": (random, words) => sourceCode(random, words, true),
};

function paragraphs(random: SeededRandom, words: number): { person: InventedPerson; text: string }[] {
  // A paragraph has about 85 words.
  const { people } = inventWorld(random, Math.max(4, Math.round(words / 85)));
  return people.map((person) => ({ person, text: paragraphAbout(person, random) }));
}

function article(random: SeededRandom, words: number): Parts {
  const all = paragraphs(random, words);
  const { question, answer } = random.pick(random.pick(all).person.facts);
  return { input: question, context: all.map(({ text }) => text).join("\n\n"), answers: [answer] };
}

function twoSteps(random: SeededRandom, words: number): Parts {
  const { people, towns } = inventWorld(random, Math.max(4, Math.round((words - 700) / 95)));
  const asked = random.pick(people);
  const passages = [
    ...people.map((person) => `${person.name}\n${person.name} lives in the town of ${person.town}. ${paragraphAbout(person, random)}`),
    ...towns.map((town) => `${town.name}\n${town.name} lies on the ${town.river}. The mayor of ${town.name} is ${town.mayor}.`),
  ];
  return {
    input: `Who is the mayor of the town where ${asked.name} lives?`,
    context: random.shuffle(passages).map((text, index) => `Passage ${index + 1}:\n${text}`).join("\n"),
    answers: [towns.find(({ name }) => name === asked.town)!.mayor],
  };
}

function report(random: SeededRandom, words: number): Parts {
  const all = paragraphs(random, words);
  const points = random.sample(all, 5).map(({ person }) => random.pick(person.facts).statement);
  const every = Math.max(1, Math.floor(all.length / points.length));
  const lines = all.flatMap(({ text }, index) => {
    const point = index % every === 0 ? points[index / every] : undefined;
    return point === undefined ? [text] : [`Key point: ${point}`, text];
  });
  return { input: "", context: lines.join("\n"), answers: [points.filter((point) => lines.includes(`Key point: ${point}`)).join(" ")] };
}

const questionClasses: Readonly<Record<string, (random: SeededRandom, person: InventedPerson) => string>> = {
  Person: (_, { town }) => `Who was the first to build a mill in ${town} ?`,
  Place: (_, { name }) => `Where did ${name} spend the winter ?`,
  Date: (_, { town }) => `When was the bridge of ${town} opened ?`,
  Number: (random, { town }) => `How many ${random.pick(["houses", "wells", "orchards", "inns"])} are there in ${town} ?`,
  Reason: (_, { name }) => `Why did ${name} leave the village ?`,
  Definition: (random) => `What is a ${random.pick(["lantern", "compass", "quilt", "barrel", "fiddle", "anchor"])} ?`,
};

function questionTypes(random: SeededRandom, words: number): Parts {
  const classes = Object.keys(questionClasses);
  const { people } = inventWorld(random, Math.max(20, Math.round(words / 13)));
  const examples = people.map((person) => {
    const type = random.pick(classes);
    return { type, question: questionClasses[type]!(random, person) };
  });
  const asked = examples.pop()!;
  return {
    input: `Question: ${asked.question}\nType:`,
    context: examples.map(({ type, question }) => `Question: ${question}\nType: ${type}`).join("\n"),
    answers: [asked.type],
    all_classes: classes,
  };
}

function trivia(random: SeededRandom, words: number): Parts {
  const shots = paragraphs(random, words).map(({ person, text }) => {
    const { question, answer } = random.pick(person.facts);
    return { text: `Passage:\n${text}\nQuestion:\n${question}\nAnswer:`, answer };
  });
  const asked = shots.pop()!;
  return { input: asked.text, context: shots.map(({ text, answer }) => `${text}\n${answer}`).join("\n\n"), answers: [asked.answer] };
}

function dialogues(random: SeededRandom, words: number): Parts {
  const { people } = inventWorld(random, Math.max(6, Math.round(words / 55) * 2));
  const shots = Array.from({ length: Math.floor(people.length / 2) }, (_, index) => {
    const [one, other] = [people[2 * index]!, people[2 * index + 1]!].map(({ name }) => name.split(" ")[0]!) as [string, string];
    const thing = random.pick(["bread", "a new lantern", "two tickets", "the old compass", "some honey", "a basket of plums"]);
    const hour = String(1 + random.integer(11));
    return {
      dialogue: `Dialogue: ${one}: Are you going to the market today?\r\n${other}: Yes, at ${hour}. Do you need anything?\r\n${one}: Could you bring me ${thing}, please?\r\n${other}: Of course, see you later.\nSummary: `,
      summary: `${other} goes to the market at ${hour} and will bring ${one} ${thing}.`,
    };
  });
  const asked = shots.pop()!;
  return { input: asked.dialogue, context: shots.map(({ dialogue, summary }) => `${dialogue}${summary}\n`).join("\n"), answers: [asked.summary] };
}

function duplicates(random: SeededRandom, words: number): Parts {
  const all = paragraphs(random, words);
  const unique = Math.max(2, Math.floor(all.length * 0.7));
  const texts = all.map(({ text }, index) => (index < unique ? text : all[random.integer(unique)]!.text));
  return {
    input: "",
    context: random.shuffle(texts).map((text, index) => `Paragraph ${index + 1}: ${text}`).join("\n\n"),
    answers: [String(unique)],
  };
}

function abstracts(random: SeededRandom, words: number): Parts {
  const all = paragraphs(random, words);
  const asked = random.integer(all.length);
  const { person } = all[asked]!;
  const [trade, instrument] = person.facts.map(({ answer }) => answer);
  return {
    input: `The paragraph tells of ${person.name}, a ${trade} who is fond of playing the ${instrument}.`,
    context: all.map(({ text }, index) => `Paragraph ${index + 1}: ${text}`).join("\n\n"),
    answers: [`Paragraph ${asked + 1}`],
  };
}

/** Accessors of a class, the last one cut before its return statement. */
function sourceCode(random: SeededRandom, words: number, twoFiles: boolean): Parts {
  const { people } = inventWorld(random, Math.max(8, Math.round(words / 9)));
  const methods = people.map(({ name }) => {
    const field = name.replace(" ", "");
    return { head: `    public int get${field}() {`, body: `        return this.${field.charAt(0).toLowerCase()}${field.slice(1)};` };
  });
  const asked = methods.pop()!;
  const lines = methods.map(({ head, body }) => `${head}\n${body}\n    }\n`);
  const half = Math.floor(lines.length / 2);
  const file = (from: string[], name: string) => `src/main/java/${name}.java\npublic final class ${name} {\n${from.join("\n")}`;
  if (!twoFiles) return { input: "", context: `${file(lines, "Village")}\n${asked.head}\n`, answers: [asked.body] };
  return {
    input: `${file(lines.slice(half), "Town")}\n${asked.head}\n`,
    context: `${file(lines.slice(0, half), "Village")}\n}\n`,
    answers: [asked.body],
  };
}
