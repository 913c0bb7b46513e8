import { defineConfig } from "@playwright/test";

/** Real WebGPU without a graphics card: Chromium's bundled SwiftShader. The headless shell has no WebGPU, the full browser has. */
const args = [
  "--headless=new",
  "--no-sandbox",
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
  "--use-vulkan=swiftshader",
  "--disable-background-networking",
  "--disable-component-update",
  "--no-first-run",
];

export default defineConfig({
  testDir: "tests/browser",
  outputDir: "node_modules/.cache/playwright",
  // Two tests side by side on two cores; a software adapter takes all it can get, so limits are generous.
  workers: 2,
  fullyParallel: true,
  forbidOnly: true,
  retries: 0,
  timeout: 600_000,
  expect: { timeout: 60_000 },
  reporter: [["list"]],
  use: {
    baseURL: process.env.FIDELITY_URL,
    launchOptions: {
      executablePath: process.env.FIDELITY_CHROMIUM,
      args,
      ignoreDefaultArgs: ["--headless"],
    },
  },
});
