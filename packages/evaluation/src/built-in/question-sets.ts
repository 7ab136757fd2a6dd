import type { QuestionSet } from "../ruler/question-set.js";
import { SeededRandom } from "../seeded-random.js";
import { inventWorld, paragraphAbout } from "./invented-people.js";

/** Questions that one paragraph about an invented person answers, in place of SQuAD. */
export function builtInParagraphQuestions(): QuestionSet {
  const random = new SeededRandom("paragraph questions", 1);
  const { people } = inventWorld(random, 400);
  return {
    documents: people.map((person) => paragraphAbout(person, random)),
    questions: people.map((person, index) => {
      const { question, answer } = random.pick(person.facts);
      return { question, answers: [answer], documents: [index], related: [] };
    }),
    source: "built-in",
  };
}

/** Questions that need two titled paragraphs, about a person and about a town, in place of HotpotQA. */
export function builtInTwoStepQuestions(): QuestionSet {
  const random = new SeededRandom("two-step questions", 1);
  const { people, towns } = inventWorld(random, 300);
  const about = towns.map(
    (town) =>
      `${town.name}\n${town.name} lies on the ${town.river}. The mayor of ${town.name} is ${town.mayor}. Most of its houses are built of grey stone, and its market is held on the square in front of the old mill.`,
  );
  return {
    documents: [...people.map((person) => `${person.name}\n${person.name} lives in the town of ${person.town}. ${paragraphAbout(person, random)}`), ...about],
    questions: people.map((person, index) => {
      const town = towns.findIndex(({ name }) => name === person.town);
      const river = random.integer(2) === 0;
      return {
        question: river ? `On which river lies the town where ${person.name} lives?` : `Who is the mayor of the town where ${person.name} lives?`,
        answers: [river ? towns[town]!.river : towns[town]!.mayor],
        documents: [index, people.length + town],
        related: [],
      };
    }),
    source: "built-in",
  };
}
