/** `pkg` without a browser: the CPU module in Node, in a process of its own. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "@playwright/test";
import { argmaxes, expectClose, goldenValues, LOGITS } from "./golden";

const SCRIPT = `
import { readFile } from "node:fs/promises";
import init, { Lab } from "./pkg/fidelity_lab.js";
await init();
const lab = await Lab.create({ device: process.argv[1] });
const golden = (name) => readFile("tests/golden/" + name);
await lab.loadModel(await golden("teacher0.safetensors"), { role: "teacher", name: "teacher0" });
const bytes = await golden("golden.safetensors");
const length = Number(bytes.readBigUInt64LE(0));
const [begin] = JSON.parse(bytes.subarray(8, 8 + length)).images.data_offsets;
const pixels = new Uint8Array(bytes.subarray(8 + length + begin).subarray(0, 3072));
const { logits, ensemble } = await lab.predict(pixels, 1);
const image = await lab.prepareImage(new Blob(["x"])).catch(({ code }) => code);
console.log(JSON.stringify({ device: lab.device, logits: [...logits], ensemble: ensemble.length, image }));
lab.dispose();
`;

function inNode(device: string) {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  return promisify(execFile)(process.execPath, ["--input-type=module", "--eval", SCRIPT, device], {
    cwd: root,
    timeout: 60_000,
  });
}

test("Node predicts what PyTorch does, and its process ends by itself", async () => {
  // "auto" finds no WebGPU and says so.
  const found = JSON.parse((await inNode("auto")).stdout);
  expect(found.device).toMatchObject({ kind: "cpu", reason: expect.stringContaining("no WebGPU") });
  const expected = goldenValues().values("teacher0.logits").slice(0, 100);
  expectClose("logits", found.logits, expected, LOGITS);
  expect(argmaxes(found.logits, 100)).toEqual(argmaxes(expected, 100));
  expect(found.ensemble).toBe(100);
  expect(found.image).toBe("image_invalid");
});

test("Node has no WebGPU to choose", async () => {
  await expect(inNode("webgpu")).rejects.toThrow(/device_unavailable/);
});
