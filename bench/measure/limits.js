/** What an adapter can do at best, by kernels that do nothing else: f32 arithmetic, and copying between buffers. */
import { findAdapter } from "./gpu.js";
import { clockFor, profiled } from "./profile.js";

/** Each kernel is run again for so long, since a graphics card begins slowly, and at least so often. */
const MS = 300;
const LEAST_ROUNDS = 3;
/** The least that every adapter can bind; no cache holds two of them. */
const COPY_BYTES = 128 << 20;

const lines = (n, line) => Array.from({ length: n }, (_, i) => line(i)).join("\n");

/** Chains of multiply-adds in registers; nothing is known of the factors when it is compiled. */
const arithmetic = ({ chains, group, groups }) => {
  const repeats = 64 / chains;
  const loops = 64;
  return {
    groups,
    work: groups * group * loops * repeats * chains * 4 * 2,
    bytes: [16 * groups * group, 16],
    source: `
@group(0) @binding(0) var<storage, read_write> to: array<vec4f>;
@group(0) @binding(1) var<storage, read> factors: array<vec4f>;
@compute @workgroup_size(${group})
fn main(@builtin(global_invocation_id) id: vec3u) {
    let scale = factors[0].x;
    let shift = factors[0].y;
${lines(chains, (i) => `    var a${i} = vec4f(f32(id.x), scale, shift, ${i}.0);`)}
    for (var i = 0u; i < ${loops}u; i++) {
${lines(repeats * chains, (i) => `        a${i % chains} = fma(a${i % chains}, vec4f(scale), vec4f(shift));`)}
    }
    to[id.x] = ${Array.from({ length: chains }, (_, i) => `a${i}`).join(" + ")};
}`,
  };
};

/** Each invocation copies `unrolled` vectors at a time, which lie side by side or, if not, beside those of its neighbours. */
const copying = ({ group, groups, unrolled, sideBySide }) => {
  const threads = group * groups;
  const [step, apart] = sideBySide ? [unrolled, 1] : [1, threads];
  return {
    groups,
    work: 2 * COPY_BYTES,
    bytes: [COPY_BYTES, COPY_BYTES],
    source: `
@group(0) @binding(0) var<storage, read_write> to: array<vec4f>;
@group(0) @binding(1) var<storage, read> source: array<vec4f>;
@compute @workgroup_size(${group})
fn main(@builtin(global_invocation_id) id: vec3u) {
    for (var i = 0u; i < ${COPY_BYTES / 16 / threads / unrolled}u; i++) {
        let at = id.x * ${step}u + i * ${unrolled * threads}u;
${lines(unrolled, (i) => `        let v${i} = source[at + ${i * apart}u];`)}
${lines(unrolled, (i) => `        to[at + ${i * apart}u] = v${i};`)}
    }
}`,
  };
};

/** Software adapters deal a dispatch out to a few threads and have as few registers as a processor. */
const KERNELS = {
  flops: (isSoftware) =>
    (isSoftware
      ? [1, 2, 4].map((chains) => ({ chains, group: 4, groups: 4096 }))
      : [2, 4, 8].map((chains) => ({ chains, group: 256, groups: 4096 }))
    ).map(arithmetic),
  bytes: (isSoftware) =>
    (isSoftware
      ? [
          { group: 4, groups: 16, unrolled: 4, sideBySide: true },
          { group: 64, groups: 16, unrolled: 4, sideBySide: false },
        ]
      : [1, 2, 4].map((unrolled) => ({
          group: 256,
          groups: COPY_BYTES / 16 / 256 / unrolled,
          unrolled,
          sideBySide: false,
        }))
    ).map(copying),
};

/**
 * `{ flops, bytes }` a second, the fastest of several kernels each, and the clock that this adapter is to be measured with.
 * Other programs only slow them down, so it is the fastest round that counts.
 */
export async function limitsOf(isSoftware) {
  const adapter = await findAdapter();
  const has = adapter.features.has(TIMESTAMPS_FEATURE);
  const device = await adapter.requestDevice({ requiredFeatures: has ? [TIMESTAMPS_FEATURE] : [] });
  const limits = {};
  let clock = clockFor(device, false);
  for (const [what, kernels] of Object.entries(KERNELS)) {
    limits[what] = 0;
    for (const kernel of kernels(isSoftware)) {
      let measured = await fastest(device, kernel, clock);
      if (measured.isCoarse) {
        clock = clockFor(device, true);
        measured = await fastest(device, kernel, clock);
      }
      limits[what] = Math.max(limits[what], (1000 * kernel.work) / measured.ms);
    }
  }
  device.destroy();
  return { ...limits, clock };
}

/** Of two measurements, between which other programs may have come or gone. */
export const bestOf = (a, b) => ({ ...a, flops: Math.max(a.flops, b.flops), bytes: Math.max(a.bytes, b.bytes) });

const TIMESTAMPS_FEATURE = "timestamp-query";

async function fastest(device, { source, bytes, groups }, clock) {
  const module = device.createShaderModule({ code: source });
  const pipeline = await device.createComputePipelineAsync({ layout: "auto", compute: { module } });
  const buffers = bytes.map((size) =>
    device.createBuffer({ size, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST }),
  );
  device.queue.writeBuffer(buffers[1], 0, new Float32Array([0.5, 0.25, 0, 0]));
  const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
  const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
  const once = async () => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(groups);
    pass.end();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
  };
  await once();
  const start = performance.now();
  // Two times of a fine clock may have a large divisor in common, all of them have none.
  let [ms, isCoarse] = [Infinity, true];
  for (let round = 0; round < LEAST_ROUNDS || performance.now() - start < MS; round++) {
    const measured = await profiled(once, clock);
    ms = Math.min(ms, measured.dispatches[0].ms);
    isCoarse &&= measured.isCoarse;
  }
  buffers.forEach((buffer) => buffer.destroy());
  return { ms, isCoarse };
}
