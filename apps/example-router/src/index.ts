export * from "./key-spread-router.js";
