import type { SeededRandom } from "../seeded-random.js";

const firstNames = "Ada Amos Beatrice Bernard Clara Conrad Delia Edgar Elena Felix Flora George Greta Hector Ida Jasper Julia Karl Lydia Marcus Marta Nathan Nina Oscar Pauline Quentin Rosa Silas Stella Theo Ursula Victor Wanda".split(" ");
const lastNames = "Abbott Alder Archer Baker Barlow Birch Blake Carver Clay Crane Dale Darrow Ellis Farrow Flint Gale Graves Hale Harlow Holt Irving Keane Lamb Lark Mercer Moss Nash Oakes Page Quill Reed Sage Thorne Vance Webb York".split(" ");
const towns = "Alderton Ashford Brightwater Calder Coldbrook Dunmore Eastmere Fairhaven Glenrock Greyport Harrowgate Ironbridge Kestrel Lakeford Larkspur Longmere Millbrook Newbury Northgate Otterburn Penrose Quarry Redcliff Riverton Saltmarsh Silverton Stonehaven Thornbury Tidewater Upton Valewood Westbrook Willowdale".split(" ");
const trades = "baker carpenter painter lawyer sailor farmer teacher printer tailor weaver potter librarian clockmaker engineer gardener mason blacksmith musician pharmacist surgeon".split(" ");
const instruments = "violin cello flute piano trumpet harp drum clarinet guitar oboe organ banjo viola horn".split(" ");
const foods = "apples bread cheese honey soup pie salmon rice plums walnuts porridge figs mustard pancakes cherries lentils".split(" ");
const months = "January February March April May June July August September October November December".split(" ");

/** A person who never was, with facts that can be asked for. */
export interface InventedPerson {
  readonly name: string;
  readonly town: string;
  readonly facts: readonly { readonly statement: string; readonly question: string; readonly answer: string }[];
}

/** What a town is known for; a second step for questions that need two. */
export interface InventedTown {
  readonly name: string;
  readonly river: string;
  readonly mayor: string;
}

/** People and towns, the same for the same random choices. Names are different. */
export function inventWorld(random: SeededRandom, count: number): { people: InventedPerson[]; towns: InventedTown[] } {
  const names = random.sample(
    firstNames.flatMap((first) => lastNames.map((last) => `${first} ${last}`)),
    count + towns.length,
  );
  const people = names.slice(0, count).map((name) => inventPerson(name, random));
  const places = towns.map((name, index) => ({
    name,
    river: `${random.pick(lastNames)} River`,
    mayor: names[count + index] ?? `${random.pick(firstNames)} ${random.pick(lastNames)}`,
  }));
  return { people, towns: places };
}

function inventPerson(name: string, random: SeededRandom): InventedPerson {
  const [town, trade, instrument, food, month] = [towns, trades, instruments, foods, months].map((list) => random.pick(list)) as [
    string,
    string,
    string,
    string,
    string,
  ];
  const year = String(1820 + random.integer(120));
  return {
    name,
    town,
    facts: [
      { statement: `${name} works as a ${trade}.`, question: `What does ${name} work as?`, answer: trade },
      { statement: `${name} plays the ${instrument} every evening.`, question: `Which instrument does ${name} play?`, answer: instrument },
      { statement: `The favourite food of ${name} is ${food}.`, question: `What is the favourite food of ${name}?`, answer: food },
      { statement: `The birthday of ${name} is in ${month}.`, question: `In which month is the birthday of ${name}?`, answer: month },
      { statement: `${name} moved to ${town} in ${year}.`, question: `In which year did ${name} move to ${town}?`, answer: year },
    ],
  };
}

/** A paragraph about a person: facts in random order between sentences that say little. */
export function paragraphAbout(person: InventedPerson, random: SeededRandom): string {
  const fillers = [
    "People in the neighbourhood speak of it with a smile.",
    "Few who pass the house on a quiet afternoon would guess as much.",
    "Letters from that time have been kept in a drawer and are still read aloud on Sundays.",
    "The road to the market was longer then, and the winters seemed colder.",
    "Nobody remembers how it began, and nobody asks any more.",
    "Visitors often stayed for a second cup of tea.",
  ];
  return random
    .shuffle(person.facts)
    .map((fact) => `${fact.statement} ${random.pick(fillers)}`)
    .join(" ");
}
