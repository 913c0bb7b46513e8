/** Several labs in one Worker, at once and one after the other: `{ file, pixels }` -> threads and logits of each. */
import { Lab } from "/pkg/fidelity_lab.js";

async function answer({ file, pixels }) {
  const found = { threads: [], logits: [] };
  const ask = async (lab) => {
    await lab.loadModel(file, { role: "teacher" });
    const { logits } = await lab.predict(pixels, 20);
    found.threads.push(lab.device.threads);
    found.logits.push([...logits]);
  };
  try {
    const labs = await Promise.all([
      Lab.create({ device: "cpu" }),
      Lab.create({ device: "cpu" }),
      Lab.create({ device: "cpu", threads: 1 }),
    ]);
    for (const lab of labs) await ask(lab);
    for (const lab of labs) lab.dispose();
    const later = await Lab.create({ device: "cpu" });
    await ask(later);
    later.dispose();
    self.postMessage(found);
  } catch (error) {
    self.postMessage({ error: String(error) });
  }
}

self.addEventListener("message", ({ data }) => void answer(data));
