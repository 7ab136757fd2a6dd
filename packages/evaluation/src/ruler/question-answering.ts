import { fillTemplate } from "../fill-template.js";
import { type Draft, type DraftRequest, requireRoom } from "../tokens/fit-samples.js";
import type { QuestionSet } from "./question-set.js";
import { questionAnswering } from "./templates.js";

const paragraphEnd = "x.\n\n";

/** A question, the documents that answer it, and others until the room is filled, in random order. @throws SampleError */
export function questionAnsweringDraft(name: string, set: QuestionSet, request: DraftRequest): Draft {
  const { counter, random } = request;
  const question = set.questions[request.index % set.questions.length]!;
  const after = fillTemplate(questionAnswering.after, { query: question.question });
  const fixed =
    counter.count(questionAnswering.before) + counter.measure(after) + counter.count(questionAnswering.answerPrefix, "x?");
  const list = new DocumentList(fixed, request);
  for (const index of question.documents) list.add(set.documents[index]!);
  requireRoom(name, list.tokens, request);

  // Related documents first, then all others, again from the start where there are too few.
  const known = new Set([...question.documents, ...question.related]);
  const everything = set.documents.map((_, index) => index).filter((index) => !question.documents.includes(index));
  let queue = [...random.shuffle(question.related), ...random.shuffle(everything.filter((index) => !known.has(index)))];
  if (queue.length > 0) {
    while (queue.every((index) => list.addIfFits(set.documents[index]!))) queue = random.shuffle(everything);
    const used = new Set(list.documents);
    const texts = queue.map((index) => set.documents[index]!);
    const unused = texts.filter((document) => !used.has(document));
    fillUp(list, (unused.length > 0 ? unused : texts).slice(0, 200), request);
  }
  return {
    prompt: questionAnswering.before + random.shuffle(list.documents).map((text, index) => `Document ${index + 1}:\n${text}`).join("\n\n") + after,
    answerPrefix: questionAnswering.answerPrefix,
    references: question.answers,
    tokens: list.tokens,
    metadata: { questions: set.source },
  };
}

/** Documents so far, and what they take. */
class DocumentList {
  readonly documents: string[] = [];

  constructor(
    public tokens: number,
    private readonly request: DraftRequest,
  ) {}

  get free(): number {
    return this.request.room - this.tokens;
  }

  /** Tokens that a further document would take. */
  cost(document: string): number {
    const { counter } = this.request;
    return counter.count(`Document ${this.documents.length + 1}:\n`, paragraphEnd) + counter.count(`${document}\n\n`, "x:\n");
  }

  add(document: string): void {
    this.tokens += this.cost(document);
    this.documents.push(document);
  }

  /** @returns whether it fitted */
  addIfFits(document: string): boolean {
    if (this.cost(document) > this.free) return false;
    this.add(document);
    return true;
  }
}

/** Fills what is left with the longest candidates that fit, and at the end with a part of one. */
function fillUp(list: DocumentList, candidates: readonly string[], request: DraftRequest): void {
  const near = request.room * 0.006;
  const left = [...candidates];
  for (let tries = candidates.length; list.free > near && tries > 0; tries--) {
    const fitting = left.filter((document) => list.cost(document) <= list.free);
    if (fitting.length === 0) break;
    const longest = fitting.reduce((best, document) => (list.cost(document) > list.cost(best) ? document : best));
    left.splice(left.indexOf(longest), 1);
    list.add(longest);
  }
  const [document] = left;
  if (list.free <= near || document === undefined) return;
  const part = firstWords(document, list.free - list.cost(""), request);
  if (part !== "") list.add(part);
}

/** As many of a document's first words as fit into `room` tokens. */
function firstWords(document: string, room: number, { counter }: DraftRequest): string {
  let left = room;
  let end = 0;
  for (const match of document.matchAll(/\s*\S+/g)) {
    left -= counter.count(match[0].trimStart() === match[0] ? ` ${match[0]}` : match[0]);
    if (left < 0) break;
    end = match.index + match[0].length;
  }
  return document.slice(0, end);
}
