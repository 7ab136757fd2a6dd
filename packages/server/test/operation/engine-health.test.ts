import { DeviceError, EngineWorkerError, InvalidRequestError } from "@elastic-attention/core";
import { expect, test } from "vitest";
import { EngineHealth } from "../../src/operation/engine-health.js";
import { ScriptedEngine } from "../doubles/scripted-engine.js";

const passing = () => new DeviceError("cuda", "read", "busy");

test("a device that is lost to the process is told of once, and nobody believes in the engine any more", async () => {
  const lost: Error[] = [];
  const health = new EngineHealth(new ScriptedEngine({ tokens: [] }), (error) => lost.push(error));
  const error = new DeviceError("cuda", "read", "an illegal memory access was encountered", { sticky: true });
  health.failed(error);
  health.failed(error);
  health.succeeded();
  await new Promise(setImmediate);
  expect([health.isHealthy, lost]).toEqual([false, [error]]);
});

test("a device error that comes once passes; three in a row without an answer between them do not", async () => {
  const lost: Error[] = [];
  const health = new EngineHealth(new ScriptedEngine({ tokens: [] }), (error) => lost.push(error));
  health.failed(new InvalidRequestError("No."));
  expect(health.isHealthy).toBe(true);
  for (let count = 0; count < 5; count++) {
    health.failed(passing());
    health.failed(passing());
    health.succeeded();
  }
  health.failed(new EngineWorkerError("Gone."));
  await expect.poll(() => health.isHealthy).toBe(true);
  for (let count = 0; count < 3; count++) health.failed(passing());
  expect([health.isHealthy, lost.length]).toEqual([false, 1]);
});
