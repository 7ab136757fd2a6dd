import type { LongBenchV2Row } from "../longbench-v2/longbench-v2-suite.js";
import { SeededRandom } from "../seeded-random.js";
import { inventWorld, paragraphAbout } from "./invented-people.js";

const domains = ["Single-Document QA", "Multi-Document QA", "Long-dialogue History Understanding"];
const lengths = ["short", "medium", "long"] as const;
const words = { short: 900, medium: 2500, long: 5000 };

/** Twelve made-up questions in LongBench-v2's form: to try a run, and for tests. Nothing in them is real. */
export function lookAlikeQuestions(): readonly LongBenchV2Row[] {
  return Array.from({ length: 12 }, (_, index) => {
    const random = new SeededRandom(`look-alike question ${index}`, 1);
    const length = lengths[index % 3]!;
    const { people } = inventWorld(random, Math.round(words[length] / 85));
    const person = random.pick(people);
    const fact = random.pick(person.facts);
    const kind = person.facts.indexOf(fact);
    const wrong = [...new Set(people.map(({ facts }) => facts[kind]!.answer))].filter((answer) => answer !== fact.answer);
    const choices = random.shuffle([fact.answer, ...random.sample(wrong, 3)]);
    while (choices.length < 4) choices.push("none of these");
    return {
      _id: `look-alike-${index}`,
      domain: domains[Math.floor(index / 4)]!,
      sub_domain: "Invented",
      difficulty: index % 2 === 0 ? "easy" : "hard",
      length,
      question: fact.question,
      choice_A: choices[0]!,
      choice_B: choices[1]!,
      choice_C: choices[2]!,
      choice_D: choices[3]!,
      answer: (["A", "B", "C", "D"] as const)[choices.indexOf(fact.answer)]!,
      context: people.map((each) => paragraphAbout(each, random)).join("\n\n"),
    };
  });
}
