export * from "./seed-oss-adapter.js";
