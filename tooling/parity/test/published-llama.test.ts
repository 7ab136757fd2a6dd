import { describePublished } from "./published-cases.js";

describePublished(["paw-llama-fa-ssa", "paw-llama-xa-ssa", "paw-layer-router"]);
