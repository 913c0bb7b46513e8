/** Untrained PreResNets of any depth, under our names or those of the code of the paper's authors. */
import { writeSafetensors, type Header } from "./page";

export type Names = "ours" | "authors";

/** Names and shapes; `He et al. 2016`, basic blocks below depth 44 and bottlenecks from there. */
function tensorsOf(depth: number, nClasses: number): [string, number[]][] {
  const bottleneck = depth >= 44;
  const nBlocks = (depth - 2) / (bottleneck ? 9 : 6);
  if (!Number.isInteger(nBlocks)) throw new Error(`no PreResNet has depth ${depth}`);
  const tensors: [string, number[]][] = [["stem.weight", [16, 3, 3, 3]]];
  const norm = (name: string, c: number) =>
    ["weight", "bias", "running_mean", "running_var"].forEach((part) => tensors.push([`${name}.${part}`, [c]]));
  let c = 16;
  [16, 32, 64].forEach((width, s) => {
    const out = bottleneck ? 4 * width : width;
    for (let i = 0; i < nBlocks; i++) {
      const name = `stage${s + 1}.${i}`;
      const convolutions = bottleneck
        ? [
            [c, width, 1],
            [width, width, 3],
            [width, out, 1],
          ]
        : [
            [c, width, 3],
            [width, out, 3],
          ];
      convolutions.forEach(([from, to, k], j) => {
        norm(`${name}.norm${j + 1}`, from!);
        tensors.push([`${name}.conv${j + 1}.weight`, [to!, from!, k!, k!]]);
      });
      if (c !== out || (s > 0 && i === 0)) tensors.push([`${name}.shortcut.weight`, [out, c, 1, 1]]);
      c = out;
    }
  });
  norm("norm", c);
  tensors.push(["head.weight", [nClasses, c]], ["head.bias", [nClasses]]);
  return tensors;
}

const authorsName = (name: string): string =>
  name
    .replace("stage", "layer")
    .replace(".norm", ".bn")
    .replace(".shortcut.", ".downsample.0.")
    .replace(/^stem\./, "conv1.")
    .replace(/^norm\./, "bn.")
    .replace(/^head\./, "fc.");

/** Weights of the size that keeps a signal's variance, from a counter's sine: the same file for the same seed. */
export function preResNet(
  depth: number,
  nClasses: number,
  seed: number,
  names: Names = "ours",
  metadata: Record<string, string> = {},
): Buffer {
  const header: Header = {};
  const parts: Buffer[] = [];
  let offset = 0;
  let counter = 1000 * seed + 1;
  for (const [name, shape] of tensorsOf(depth, nClasses)) {
    const n = shape.reduce((a, b) => a * b, 1);
    const isNorm = shape.length === 1 && name !== "head.bias";
    const scale = shape.length > 1 ? 2 / Math.sqrt(n / shape[0]!) : 0.1;
    const values = Float32Array.from({ length: n }, () => {
      const noise = (Math.sin(counter++ * 12.9898) * 43758.5453) % 1;
      return (isNorm && !/bias|mean/.test(name) ? 1 : 0) + scale * noise * (isNorm ? 0.5 : 1);
    });
    parts.push(Buffer.from(values.buffer));
    header[names === "ours" ? name : authorsName(name)] = {
      dtype: "F32",
      shape,
      data_offsets: [offset, offset + 4 * n],
    };
    offset += 4 * n;
  }
  return writeSafetensors(header, Buffer.concat(parts), metadata);
}
