/** Where the measurements run without a browser: Node with Dawn's WebGPU (the npm package `webgpu`), a process for each. */
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const CHILD = fileURLToPath(new URL("node_child.mjs", import.meta.url));

export class Node {
  // The CPU module and the peers' are a browser's matter: the page runs there.
  devices = ["webgpu"];
  runtime = `Node ${process.versions.node} with Dawn (webgpu ${createRequire(import.meta.url)("webgpu/package.json").version})`;

  #children = new Set();

  static async start() {
    const host = new Node();
    host.adapter = await host.measure("adapter");
    if (!host.adapter) throw new Error("Dawn finds no WebGPU adapter; VK_ICD_FILENAMES names a Vulkan driver to try");
    return host;
  }

  measure(method, argument) {
    return new Promise((resolve, reject) => {
      // The results come over a channel of their own: the peers write to standard output.
      const child = spawn(process.execPath, ["--expose-gc", CHILD, method, JSON.stringify(argument ?? null)], {
        stdio: ["ignore", "ignore", "pipe", "ipc"],
      });
      this.#children.add(child);
      let [errors, answer] = ["", null];
      child.stderr.on("data", (text) => (errors += text));
      child.on("message", (message) => (answer = message));
      child.on("error", reject);
      child.on("close", (code) => {
        this.#children.delete(child);
        if (answer && "result" in answer) resolve(answer.result);
        else reject(new Error(`${method} in Node: ${answer?.error ?? `ended with ${code}: ${errors.slice(-2000)}`}`));
      });
    });
  }

  /** Ends what is still measured. */
  async close() {
    for (const child of this.#children) child.kill();
  }
}
