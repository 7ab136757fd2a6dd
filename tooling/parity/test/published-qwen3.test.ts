import { describePublished } from "./published-cases.js";

describePublished(["paw-qwen3-short", "paw-qwen3-fa-ssa", "paw-qwen3-fa-xa"]);
