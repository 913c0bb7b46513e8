/** Networks of one's own: any depth, both kinds of names, other classes; manifests, dropped or by their address. */
import { createHash } from "node:crypto";
import type { Page } from "@playwright/test";
import { expect, test } from "./fixtures";
import {
  addNetwork,
  answered,
  go,
  goldenNetworks,
  lastError,
  open,
  openPanel,
  payload,
  ready,
  ship,
  withoutData,
} from "./page";
import { preResNet, type Names } from "./preresnet";

const info = (page: Page) => page.getByTestId("notice-info").last();
const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

for (const [depth, nClasses, names] of [
  [8, 100, "authors"],
  [38, 100, "ours"],
  [47, 100, "authors"],
  [110, 100, "ours"],
] as [number, number, Names][]) {
  test(`a PreResNet-${depth} under ${names === "ours" ? "our" : "the authors'"} names is a student`, async ({
    page,
  }) => {
    await open(page, "compare", "cpu");
    await ready(page);
    await answered(page);
    const before = await page.getByTestId("picture-kl").textContent();
    await addNetwork(
      page,
      payload(`mine-${depth}.safetensors`, preResNet(depth, nClasses, depth, names, { name: `mine-${depth}` })),
      "student",
    );
    await expect(info(page)).toContainText(`mine-${depth} (PreResNet-${depth}) was added as student.`);
    if (names === "authors") await expect(info(page)).toContainText("Tensor names follow the paper authors' code");
    await answered(page);
    await expect(page.getByTestId("student-choice")).toHaveValue(`mine-${depth}`);
    await expect(page.getByTestId("picture-kl")).not.toHaveText(before!);
  });
}

test("the same weights under both kinds of names answer the same", async ({ page }) => {
  await open(page, "compare", "cpu");
  await ready(page);
  const kl: (string | null)[] = [];
  for (const names of ["ours", "authors"] as const) {
    await addNetwork(page, payload(`${names}.safetensors`, preResNet(20, 100, 5, names, { name: names })), "student");
    await expect(page.getByTestId("student-choice")).toHaveValue(names);
    await answered(page);
    kl.push(await page.getByTestId("picture-kl").textContent());
  }
  expect(kl[1]).toBe(kl[0]);
});

test("networks of ten classes: not beside those of a hundred, but for themselves", async ({ page }) => {
  await ship(page, goldenNetworks());
  await open(page, "compare", "cpu");
  await ready(page);
  await answered(page);
  const before = await page.getByTestId("picture-kl").textContent();
  await addNetwork(page, payload("ten.safetensors", preResNet(20, 10, 1, "ours", { name: "ten" })), "teacher");
  await expect(lastError(page)).toContainText("ten has 10 classes, but the networks in use have 100");
  await expect(page.getByTestId("picture-kl")).toHaveText(before!);
  await addNetwork(
    page,
    payload("ten-too.safetensors", preResNet(20, 10, 2, "authors", { name: "ten-too" })),
    "student",
  );
  await openPanel(page, "networks");
  for (const name of ["teacher0", "teacher1", "teacher2", "student0"])
    await page.getByTestId(`network-${name}`).getByRole("checkbox").uncheck();
  for (const name of ["ten", "ten-too"]) await page.getByTestId(`network-${name}`).getByRole("checkbox").check();
  await page.keyboard.press("Escape");
  await answered(page);
  await expect(page.getByTestId("verdict")).toContainText("class ");
  await go(page, "fidelity");
  await expect(page.getByTestId("evaluation-status")).toHaveAttribute("data-phase", "done");
  await expect(page.getByTestId("agreement")).toContainText("%");
});

interface Files {
  manifest: { networks: Record<string, unknown>[] };
  files: Record<string, Buffer>;
}

/** Two teachers and a student with test logits; random ones, of the right length. */
function own(nClasses = 100): Files {
  const files: Record<string, Buffer> = {};
  const networks = ["teacher0", "own-teacher", "own-student"].map((name, i) => {
    const [file, logits] = [`${name}.safetensors`, `${name}.logits.f16`];
    files[file] = preResNet(20, nClasses, i + 1, i === 1 ? "authors" : "ours", { name });
    files[logits] = Buffer.alloc(10_000 * nClasses * 2, i + 1);
    return {
      role: i < 2 ? "teacher" : "student",
      family: "PreResNet-20",
      name,
      file,
      bytes: files[file].length,
      sha256: sha256(files[file]),
      depth: 20,
      nClasses,
      taughtBy: i < 2 ? null : ["teacher0", "own-teacher"],
      metrics: { accuracy: 0.01, top5Accuracy: 0.05, nll: 4.6, ece: 0.01 },
      logits: { file: logits, bytes: files[logits].length, sha256: sha256(files[logits]) },
    };
  });
  return { manifest: { networks }, files };
}
const payloads = ({ manifest, files }: Files, name = "mine.json") => [
  payload(name, Buffer.from(JSON.stringify(manifest))),
  ...Object.entries(files).map(([file, bytes]) => payload(file, bytes)),
];

async function choose(page: Page, files: ReturnType<typeof payloads>): Promise<void> {
  await openPanel(page, "networks");
  await page.getByTestId("network-input").setInputFiles(files);
  await page.keyboard.press("Escape");
}

test("a manifest chosen with its files is a family of its own, and the way back is a click", async ({ page }) => {
  await ship(page, goldenNetworks());
  await open(page, "compare", "cpu");
  await ready(page);
  await answered(page);
  const before = await page.getByTestId("picture-kl").textContent();
  await choose(page, payloads(own()));
  await expect(info(page)).toContainText("mine.json lists 3 networks; PreResNet-20, yours is in use.");
  await expect(info(page)).toContainText("teacher0 is called teacher0-2 here");
  await answered(page);
  await expect(page.getByTestId("members-agreeing")).toContainText("of 2");
  await expect(page.getByTestId("answers").locator("thead")).toContainText("own-student");
  await page.getByTestId("family-switch-PreResNet-56").check();
  await answered(page);
  await expect(page.getByTestId("picture-kl")).toHaveText(before!);
});

test("a drop of manifest and files does the same, of ten classes too, and a second one stands beside it", async ({
  page,
}) => {
  await ship(page, goldenNetworks());
  await open(page, "distil", "cpu");
  await ready(page);
  for (const [name, files] of [
    ["ten.json", own(10)],
    ["mine.json", own()],
  ] as const) {
    await page.evaluate(
      (list) => {
        const dataTransfer = new DataTransfer();
        for (const { name, data } of list)
          dataTransfer.items.add(new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], name));
        document
          .querySelector("main")!
          .dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
      },
      payloads(files, name).map(({ name, buffer }) => ({ name, data: buffer.toString("base64") })),
    );
    await expect(info(page)).toContainText(`${name} lists 3 networks`);
  }
  await go(page, "compare");
  await answered(page);
  await expect(page.getByTestId("family-switch").locator("label")).toHaveText([
    "PreResNet-56",
    "PreResNet-20, yours",
    "PreResNet-20, yours-2",
  ]);
  await page.getByTestId("family-switch-PreResNet-20, yours").check();
  await answered(page);
  await expect(page.getByTestId("verdict")).toContainText("class ");
});

type Change = (files: Files) => void;
const wrong: { what: string; change: Change; words: string[] }[] = [
  {
    what: "no list",
    change: (f) => {
      Object.assign(f, { manifest: { models: [] } });
    },
    words: ["no list “networks”"],
  },
  {
    what: "an unknown role",
    change: (f) => {
      f.manifest.networks[1]!.role = "parent";
    },
    words: ["Network 2 (own-teacher): “role” must be “teacher” or “student”"],
  },
  {
    what: "no depth",
    change: (f) => {
      delete f.manifest.networks[0]!.depth;
    },
    words: ["“depth” must be a whole number above 0"],
  },
  {
    what: "a checksum that is none",
    change: (f) => {
      f.manifest.networks[2]!.sha256 = "abc";
    },
    words: ["Network 3 (own-student): “sha256” must be 64 lower-case hexadecimal digits"],
  },
  {
    what: "a path that leads up",
    change: (f) => {
      f.manifest.networks[2]!.file = "../secret.safetensors";
    },
    words: ["“file” must be a plain file name"],
  },
  {
    what: "a name twice",
    change: (f) => {
      f.manifest.networks[1]!.name = "teacher0";
    },
    words: ["“name” must be unique"],
  },
  {
    what: "a teacher that is not listed",
    change: (f) => {
      f.manifest.networks[2]!.taughtBy = ["teacher7"];
    },
    words: ["“taughtBy” must be a list of teachers that the manifest lists; teacher7 is not one"],
  },
  {
    what: "no student",
    change: (f) => {
      f.manifest.networks.pop();
    },
    words: ["It lists no student"],
  },
  {
    what: "a missing file",
    change: (f) => {
      delete f.files["own-teacher.safetensors"];
    },
    words: ["It lists files that are missing: own-teacher.safetensors"],
  },
  {
    what: "a file that was cut",
    change: (f) => {
      f.files["own-teacher.safetensors"] = f.files["own-teacher.safetensors"]!.subarray(0, 5000);
    },
    words: ["own-teacher.safetensors has 5,000 bytes; the manifest says"],
  },
  {
    what: "a file that was changed",
    change: (f) => {
      f.files["own-teacher.safetensors"]!.writeUInt8(1, 100_000);
    },
    words: ["own-teacher.safetensors", "checksum"],
  },
  {
    what: "logits of another length than listed",
    change: (f) => {
      f.files["own-student.logits.f16"] = Buffer.alloc(1_999_998);
    },
    words: ["own-student.logits.f16 has 1,999,998 bytes; the manifest says 2,000,000"],
  },
  {
    what: "logits of a wrong length listed",
    change: (f) => {
      (f.manifest.networks[2]!.logits as Record<string, unknown>).bytes = 1_000;
    },
    words: ["own-student.logits.f16 must hold 2,000,000 bytes"],
  },
  {
    what: "another class count than listed",
    change: (f) => {
      const bytes = preResNet(20, 10, 1);
      Object.assign(f.manifest.networks[0]!, { bytes: bytes.length, sha256: sha256(bytes) });
      f.files["teacher0.safetensors"] = bytes;
    },
    words: [
      "teacher0.safetensors: the file was not loaded, because it holds a PreResNet-20 of 10 classes and the list says PreResNet-20 of 100 classes",
    ],
  },
  {
    what: "a set of two class counts",
    change: (f) => {
      const bytes = preResNet(20, 10, 1);
      Object.assign(f.manifest.networks[0]!, { bytes: bytes.length, sha256: sha256(bytes), nClasses: 10 });
      delete f.manifest.networks[0]!.logits;
      f.files["teacher0.safetensors"] = bytes;
    },
    words: ["has 10 classes and", "networks can only be compared if they have the same number of classes"],
  },
  {
    what: "no network in a file",
    change: (f) => {
      const bytes = Buffer.from("Dear networks, this is a letter.");
      Object.assign(f.manifest.networks[1]!, { bytes: bytes.length, sha256: sha256(bytes) });
      f.files["own-teacher.safetensors"] = bytes;
    },
    words: ["own-teacher.safetensors:", "not a network's safetensors file"],
  },
];

test("manifests that are wrong: each says what is, and nothing else changes", async ({ page }) => {
  await ship(page, goldenNetworks());
  await open(page, "compare", "cpu");
  await ready(page);
  await answered(page);
  const kl = await page.getByTestId("picture-kl").textContent();
  for (const { what, change, words } of wrong) {
    const files = own();
    change(files);
    await choose(page, payloads(files));
    await expect(lastError(page), what).toContainText("mine.json was not imported; nothing changed.");
    for (const word of words) await expect(lastError(page), what).toContainText(word);
    await expect(page.getByTestId("load-state"), what).toBeEmpty();
    await expect(page.getByTestId("notice-info"), what).toHaveCount(0);
  }
  await choose(page, [payload("mine.json", Buffer.from("{ networks: 3 }"))]);
  await expect(lastError(page)).toContainText("Not valid JSON");
  await choose(page, [payload("lonely.logits.f16", Buffer.alloc(100))]);
  await expect(lastError(page)).toContainText("need the manifest that lists them");
  await openPanel(page, "networks");
  await expect(page.getByTestId("networks-panel").locator("li[data-testid]")).toHaveCount(4);
  await page.keyboard.press("Escape");
  await expect(page.getByTestId("family-switch")).toHaveCount(0);
  await answered(page);
  await expect(page.getByTestId("picture-kl")).toHaveText(kl!);
  // And a good one still comes in.
  await choose(page, payloads(own()));
  await expect(info(page)).toContainText("is in use");
});

test.describe("by its address", () => {
  async function host(page: Page, files: Files): Promise<void> {
    await page.route("**/mine/**", (route) => {
      const name = new URL(route.request().url()).pathname.split("/").at(-1)!;
      if (name === "manifest.json") return route.fulfill({ json: files.manifest });
      const bytes = files.files[name];
      return bytes
        ? route.fulfill({ body: bytes, contentType: "application/octet-stream" })
        : route.fulfill({ status: 404, body: "" });
    });
  }

  test("a manifest on this host is what the page opens with, on the other device too", async ({ page }) => {
    await withoutData(page);
    await host(page, own());
    await page.goto("/?device=cpu&manifest=mine/manifest.json#/compare");
    await ready(page);
    await expect(info(page)).toContainText("mine/manifest.json lists 3 networks");
    await answered(page);
    await expect(page.getByTestId("answers").locator("thead")).toContainText("own-student");
    await openPanel(page, "device");
    await expect(page.getByTestId("device-panel").getByRole("link")).toHaveAttribute(
      "href",
      /manifest=mine%2Fmanifest\.json/,
    );
  });

  test("one on another host is refused, and the page opens as ever", async ({ page }) => {
    const asked: string[] = [];
    page.on("request", (request) => asked.push(request.url()));
    await page.goto(`/?device=cpu&manifest=${encodeURIComponent("https://example.org/manifest.json")}#/compare`);
    await ready(page);
    await expect(lastError(page)).toContainText("https://example.org/manifest.json is on another host.");
    await answered(page);
    await expect(page.getByTestId("members-agreeing")).toContainText("of 3");
    expect(asked.filter((url) => new URL(url).host === "example.org")).toEqual([]);
  });

  test.describe("that is not there", () => {
    test.use({ allowedErrors: [/404/] });

    test("is told, and the page opens as ever", async ({ page }) => {
      await page.goto("/?device=cpu&manifest=nowhere.json#/compare");
      await ready(page);
      await expect(lastError(page)).toContainText("HTTP 404 for /nowhere.json");
      await answered(page);
    });
  });
});
