export { demoModelDirectory } from "./demo-model-directory.js";
export { demoModelInformation, type DemoModelInformation } from "./demo-model-information.js";
