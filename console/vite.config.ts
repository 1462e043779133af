import { readFileSync } from "node:fs";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vitest/config";

interface Lock {
  packages: Record<string, { dev?: boolean; devOptional?: boolean }>;
}

/** What the built files are made of, and under which licences. */
function writeLicences(): Plugin {
  const readLicence = (name: string): string => {
    const folder = new URL(`./node_modules/${name}/`, import.meta.url);
    const about = JSON.parse(readFileSync(new URL("package.json", folder), "utf-8")) as { version: string; license: string };
    let text = "";
    for (const file of ["LICENSE", "LICENSE.md", "license"]) {
      try {
        text = readFileSync(new URL(file, folder), "utf-8");
        break;
      } catch {
        // Some packages name their licence in package.json alone.
      }
    }
    return `${name} ${about.version} (${about.license})\n\n${text.trim()}\n`;
  };
  const lock = JSON.parse(readFileSync(new URL("./package-lock.json", import.meta.url), "utf-8")) as Lock;
  const names = Object.entries(lock.packages)
    .filter(([path, { dev, devOptional }]) => path !== "" && !dev && !devOptional)
    .map(([path]) => path.replace(/^node_modules\//, ""));
  return {
    name: "licences",
    apply: "build",
    generateBundle() {
      const source = names.map(readLicence).join("\n----\n\n");
      this.emitFile({ type: "asset", fileName: "LICENSES.txt", source });
    },
  };
}

export default defineConfig({
  // Where it is served, nobody knows: a stage, an emulator, a gateway.
  base: "./",
  plugins: [react(), writeLicences()],
  build: {
    outDir: "../functions/get_console/static",
    emptyOutDir: true,
    // A picture in a data URL is allowed, one in a binary file is not handed on by API Gateway.
    assetsInlineLimit: 16_384,
    modulePreload: { polyfill: false },
    target: "es2022",
  },
  server: {
    proxy: { "/api": { target: process.env["CONSOLE_API"] ?? "http://127.0.0.1:8000", changeOrigin: true } },
  },
  test: { include: ["src/**/*.test.{ts,tsx}"] },
});
