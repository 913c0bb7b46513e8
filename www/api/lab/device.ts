/** Chooses the device before any module is loaded, so that only that device's module is fetched. */
import type { DeviceChoice, DeviceInfo } from "./types.js";
import { LabError } from "../wasm/errors.js";
import { hasRelaxedSimd } from "../wasm/simd.js";

/** What burn's WebGPU backend requires of an adapter. Without it, cubecl panics or compiles invalid shaders. */
const REQUIRED_FEATURES: readonly GPUFeatureName[] = ["timestamp-query"];
const REQUIRED_LIMITS = {
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupStorageSize: 16384,
  maxStorageBuffersPerShaderStage: 8,
  maxStorageBufferBindingSize: 128 * 1024 * 1024,
} as const;

export type Selected = Omit<DeviceInfo, "selfTestError">;

export async function chooseDevice(choice: DeviceChoice): Promise<Selected> {
  if (choice === "cpu") return cpu("You chose the CPU.");
  const adapter = await findAdapter();
  if (typeof adapter === "string") return cpuUnless(choice, adapter);
  const lacking = whatLacks(adapter);
  if (lacking) return cpuUnless(choice, `The WebGPU adapter lacks ${lacking}, which the GPU module needs.`);
  const found = describe(adapter);
  if (choice === "auto" && found.isSoftware)
    return cpu(
      "The only WebGPU adapter is a software one, on which the GPU module is slower than the CPU's.",
      found.features,
    );
  return { ...found, reason: choice === "webgpu" ? "You chose WebGPU." : "WebGPU is available on a hardware adapter." };
}

async function findAdapter(): Promise<GPUAdapter | string> {
  const gpu = (globalThis.navigator as Navigator | undefined)?.gpu;
  if (!gpu) return "This browser has no WebGPU here.";
  try {
    return (
      (await gpu.requestAdapter({ powerPreference: "high-performance" })) ??
      "This browser has WebGPU, but no adapter for it."
    );
  } catch (error) {
    return `Asking for a WebGPU adapter failed: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function cpuUnless(choice: DeviceChoice, why: string): Selected {
  if (choice === "webgpu") throw new LabError("device_unavailable", `${why} Choose "cpu" or "auto" to run on the CPU.`);
  return cpu(why);
}

function cpu(reason: string, features: string[] = []): Selected {
  return {
    kind: "cpu",
    vendor: "",
    architecture: hasRelaxedSimd() ? "wasm relaxed SIMD" : "wasm SIMD",
    description: "CPU, one thread",
    isSoftware: false,
    threads: 1,
    reason,
    features,
  };
}

function whatLacks(adapter: GPUAdapter): string | null {
  const features = REQUIRED_FEATURES.filter((feature) => !adapter.features.has(feature)).map(
    (feature) => `the feature "${feature}"`,
  );
  const limits = Object.entries(REQUIRED_LIMITS)
    .filter(([name, least]) => adapter.limits[name as keyof typeof REQUIRED_LIMITS] < least)
    .map(([name, least]) => `${name} of at least ${least}`);
  return [...features, ...limits].join(", ") || null;
}

function describe(adapter: GPUAdapter): Omit<Selected, "reason"> {
  const { vendor, architecture, description, isFallbackAdapter } = adapter.info;
  const words = `${vendor} ${architecture} ${description}`.toLowerCase();
  const isSoftware = isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|software|basic render/.test(words);
  return {
    kind: "webgpu",
    vendor,
    architecture,
    description,
    isSoftware,
    threads: 1,
    features: [...adapter.features].sort(),
  };
}
