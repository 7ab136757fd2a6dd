/** Words that keys, values and word lists are made of. */
export interface WordLists {
  readonly nouns: readonly string[];
  readonly adjectives: readonly string[];
  readonly verbs: readonly string[];
  /** More words, for lists longer than the three above give. */
  readonly others: readonly string[];
  /** Says where the lists are from, in records. */
  readonly source: string;
}

/** A short list of plain English words, for runs without a folder of lists. */
export const builtInWords: WordLists = {
  nouns: words(`acorn album alley anchor ankle apple apron arrow attic autumn badge bakery ballad bamboo banner barrel basin
    basket beacon beetle bell bench berry bishop blanket blossom boat bottle bonfire branch bread bridge broom bucket bugle
    bundle button cabin cable cactus camel candle canoe canvas canyon carpet castle cedar cellar chain chalk chapel cherry
    chimney circle clay cliff clock cloud clover coach cobbler coin collar comet compass copper coral cottage cradle crater
    cricket crown crystal curtain cushion dagger dairy dancer desert diary dolphin donkey drawer drum eagle easel echo elbow
    ember engine fabric falcon feather fence ferry fiddle finch flame flask fleet flute forest fossil fountain furnace
    garden garlic gate glacier glove goblet granite grape guitar hammer harbor harp harvest hazel hedge helmet hermit heron
    hinge hollow honey horizon hornet island ivory jacket jasmine jewel jungle kettle kitten ladder lagoon lantern lemon
    letter lily lizard locket lumber magnet mantle maple marble market meadow medal melon mill mirror mitten monk mountain
    muffin needle nest oasis oat ocean olive onion orbit orchard otter oven oyster paddle palace panther parade parcel parrot
    pasture pearl pebble pepper piano pigeon pillow pine pirate planet plaza plum pocket pond poplar potter prairie quarry
    quilt rabbit raft ranch ribbon river robin rocket saddle sailor satchel scarf shadow shell shepherd shield silver
    sparrow spiral spoon stable statue stream sugar summit tablet tailor temple thimble thistle thread timber torch tower
    trail trumpet tulip tunnel turtle umbrella valley velvet village violet violin wagon walnut willow window winter wizard
    yarn zebra`),
  adjectives: words(`able ample ancient bitter blank bold brave brief bright brisk broad busy calm careful cheerful clever
    cloudy coarse cold common cozy crisp curious damp daring deep dense dizzy dusty eager early eastern elegant empty even
    faint faithful famous fancy fertile fierce firm flat fluent fragile frank fresh frosty gentle giant glad golden graceful
    grand grateful greedy hasty heavy hidden hollow humble icy idle jolly keen kind large lazy lively lone loud loyal lucky
    mellow merry mighty misty modest narrow neat nimble noble northern obedient odd open pale patient plain polite proud
    quaint quick quiet rapid rare restless ripe rough round royal rustic salty scarce sharp shiny silent simple sleepy
    slender smooth soft solemn sour spare spicy steady steep sturdy subtle sudden sunny swift tall tame tender thick thin
    tidy timid tiny vast vivid warm wary weary western wide wild wise witty young zesty`),
  verbs: words(`accept adapt admire agree announce arrange arrive ask assist attend bake balance bathe bend blend borrow bounce
    breathe build carve catch charge chase choose climb collect compare cook count cover crawl dance decide deliver describe
    design dig divide draw dream drift drive earn enter escape examine expand explain fetch fill float flow fold follow
    forgive gather glow greet grow guard guess guide hang heal help hide hurry imagine invite join juggle jump knit label
    laugh launch lead learn lend lift listen mend mix move notice obey observe offer order paint pause plant plow polish
    pour praise prepare press promise pull push race reach read recall repair reply rescue return rinse roam roast row
    scatter search send sew shake share shine sing skate sketch slide smile solve sort spell spin stir stretch study swim
    swing taste teach tell throw touch trade travel trust turn visit wait walk wander wash watch wave weave whisper whistle
    wonder wrap write yawn`),
  others: [],
  source: "built-in",
};

function words(text: string): string[] {
  return text.split(/\s+/);
}
