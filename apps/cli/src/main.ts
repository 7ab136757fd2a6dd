#!/usr/bin/env node
// An old Node.js is told so before it reads anything that it does not understand: this file keeps to what they all know.
import { runtimeProblem } from "./program/supported-runtime.js";

const message = runtimeProblem(process.versions, process.execPath);
if (message === undefined) void import("./program/start.js");
else {
  process.stderr.write(message + "\n");
  process.exitCode = 1;
}
