/** Names and things that facts, needles and variables are made of: the demo model's own lists. */
export const firstNames = words(`Ada Amos Anna Arthur Beatrice Bernard Bridget Caleb Carmen Cecil Clara Conrad Cora Daniel Delia Dinah Edgar
Edith Edwin Elena Eli Elsie Ernest Esther Ezra Fanny Felix Flora Frank Freya George Gideon Grace Greta Hannah
Harold Harriet Hector Helen Henry Hugo Ida Irene Isaac Ivan Jacob James Jane Jasper Joan Jonas Joseph Julia Karl
Kate Laura Leo Leonard Lewis Lily Louis Lucy Lydia Mabel Marcus Marta Martin Maud Miles Miriam Nathan Nell Nina
Nora Oliver Olive Oscar Otto Pauline Paul Peter Phoebe Quentin Rachel Ralph Rebecca Rosa Rufus Ruth Samuel Sarah
Silas Simon Sofia Stella Theo Thomas Tobias Ursula Vera Victor Viola Walter Wanda William Winifred`);
export const lastNames = words(`Abbott Alder Archer Ashby Baker Barlow Beck Bell Birch Blake Boone Brandt Brook Burke Carver Chase Clay Cole
Cooper Crane Cross Dale Darrow Dean Drake Dunn Ellis Farrow Finch Fisher Flint Ford Foster Frost Gale Gibson
Glover Graves Gray Hale Hardy Harlow Hart Hayes Hill Holt Hood Hunt Irving Kane Keane Kemp Knox Lamb Lane Lark
Locke Lowell Marsh Mason Mercer Mills Moss Nash North Oakes Page Palmer Parrish Pike Pond Porter Price Quill
Rand Reed Rhodes Ridge Rowe Sage Shaw Stone Swift Thorne Tripp Vance Vaughn Wade Ward Webb Wells West Wilde
Winter Wolfe Yates York`);
export const towns = words(`Alderton Ashford Barrow Bexley Brightwater Calder Carrow Coldbrook Dunmore Eastmere Elmhurst Fairhaven Fernhill
Glenrock Greyport Halden Harrowgate Highmoor Ironbridge Kestrel Kingsley Lakeford Larkspur Linden Longmere
Marlow Millbrook Moorland Newbury Northgate Oakham Otterburn Penrose Pinehurst Quarry Redcliff Ringwood Riverton
Rockwell Saltmarsh Sandhurst Seabrook Silverton Southwick Stonehaven Summerfield Thornbury Tidewater Upton
Valewood Wellspring Westbrook Whitecliff Willowdale Windham Woodstock`);
const colors = words(`red blue green yellow purple orange white black grey brown pink silver golden crimson violet amber`);
const petNames = words(`Biscuit Pepper Clover Shadow Ginger Juniper Maple Nutmeg Patches Domino Thistle Bramble Cricket Comet Pumpkin
Sparrow Tinker Waffles Ember Pebble Marble Acorn Button Captain Duchess Figaro`);
const trades = words(`baker carpenter painter doctor lawyer sailor farmer teacher printer tailor miller weaver potter surgeon
librarian clockmaker fisherman engineer gardener judge mason blacksmith musician pharmacist`);
const foods = words(`apple bread cheese honey soup pie salmon rice plums walnuts porridge figs mustard pancakes cherries lentils
pears onions cabbage trout`);
const days = words(`Monday Tuesday Wednesday Thursday Friday Saturday Sunday`);
const months = words(`January February March April May June July August September October November December`);
const instruments = words(`violin cello flute piano trumpet harp drum clarinet guitar oboe organ banjo viola horn`);
const objects = words(`key letter lantern compass map ring medal ledger diary telescope violin painting chest coin statue crown sword
vase watch clock manuscript photograph necklace`);
const placesInside = words(`attic cellar library kitchen stable chapel garden greenhouse tower boathouse workshop pantry courtyard wardrobe
barn`);

/** What is said of a person, how it is asked and answered; {p} is the person, {v} the value, {o} an object. */
export const personFacts: readonly { statement: string; question: string; answer: string; values: readonly string[] }[] = [
  { statement: "{p} works as a {v}.", question: "What does {p} work as?", answer: "{p} works as a {v}.", values: trades },
  { statement: "The favourite food of {p} is {v}.", question: "What is the favourite food of {p}?", answer: "The favourite food of {p} is {v}.", values: foods },
  { statement: "{p} was born in {v}.", question: "Where was {p} born?", answer: "{p} was born in {v}.", values: towns },
  { statement: "{p} lives in the town of {v}.", question: "In which town does {p} live?", answer: "{p} lives in the town of {v}.", values: towns },
  { statement: "{p} plays the {v} every evening.", question: "Which instrument does {p} play?", answer: "{p} plays the {v}.", values: instruments },
  { statement: "The birthday of {p} is in {v}.", question: "In which month is the birthday of {p}?", answer: "The birthday of {p} is in {v}.", values: months },
  { statement: "{p} painted the front door {v}.", question: "Which color did {p} paint the front door?", answer: "{p} painted the front door {v}.", values: colors },
  { statement: "The pet of {p} is called {v}.", question: "What is the pet of {p} called?", answer: "The pet of {p} is called {v}.", values: petNames },
  { statement: "{p} arrived on a {v}.", question: "On which day did {p} arrive?", answer: "{p} arrived on a {v}.", values: days },
  { statement: "{p} hid the {o} in the {v}.", question: "Where did {p} hide the {o}?", answer: "{p} hid the {o} in the {v}.", values: placesInside },
  { statement: "The secret password of {p} is {v}.", question: "What is the secret password of {p}?", answer: "The secret password of {p} is {v}.", values: objects },
];

export const factObjects = objects;

function words(list: string): readonly string[] {
  return list.split(/\s+/);
}
