import { readFileSync } from "node:fs";
import { defaultClientConditions, defineConfig } from "vite";

const { version } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8")) as { version: string };

export default defineConfig(({ mode }) => ({
  base: "./", // works under any sub-path
  publicDir: false,
  define: { __VERSION__: JSON.stringify(version) },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  // `#worker` (package.json) is the worker with test hooks in mode "test" only, so that no hook reaches a product build.
  resolve: { conditions: mode === "test" ? ["test", ...defaultClientConditions] : [...defaultClientConditions] },
  build: {
    target: "es2022",
    assetsInlineLimit: 0, // the CSP lets nothing be fetched from a data: address
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1024,
  },
  worker: { format: "es" },
}));
