export * from "./dilated-mode.js";
