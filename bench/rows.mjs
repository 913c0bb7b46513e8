/** The rows of a run, in the file as soon as they are known. */
import { writeFile } from "node:fs/promises";
import { line } from "./report/text.mjs";

export class Results {
  constructor(path, about) {
    this.path = path;
    this.all = { ...about, rows: [], downloads: [], left_out: [] };
  }

  save() {
    return writeFile(this.path, `${JSON.stringify(this.all, null, 2)}\n`);
  }

  async leaveOut(what, why) {
    this.all.left_out.push({ what, why });
    console.log(`left out: ${what}: ${why}`);
    await this.save();
  }

  /** A row of one figure. `ours` and `peer` have the unit of `unit`, and less is better. */
  async add({
    measure,
    network,
    device,
    batch = null,
    threads = 1,
    simd = "plain",
    unit,
    ours,
    peer = null,
    peer_name = null,
    ...more
  }) {
    const { runtime, adapter, cpu } = this.all;
    const row = {
      measure,
      network,
      device,
      adapter: device === "webgpu" ? adapter.name : cpu,
      runtime,
      batch,
      threads,
      simd,
      unit,
      ours,
      peer,
      peer_name,
      ratio: peer === null || ours === 0 ? null : peer / ours,
      ...more,
    };
    this.all.rows.push(row);
    console.log(line(row));
    await this.save();
  }

  /** The rows of one measurement: times an image, and on WebGPU what was called and held. One row a peer. */
  async addMeasured({ measure, network, device, batch, threads = 1, measured, ...more }) {
    const { build, ours, peers } = measured;
    const about = { network, device, batch, threads, simd: build.simd };
    for (const peer of peers.length > 0 ? peers : [null]) {
      const named = { peer_name: peer?.name ?? null };
      await this.add({
        measure,
        ...about,
        unit: "ms/image",
        ours: ours.ms / batch,
        peer: peer ? peer.ms / batch : null,
        ...named,
        ours_best: ours.best / batch,
        peer_best: peer ? peer.best / batch : null,
        rounds: ours.rounds,
        difference: peer?.difference ?? null,
        ...more,
      });
      if (ours.peakBytes)
        await this.add({
          measure: `${measure}_peak_bytes`,
          ...about,
          unit: "bytes",
          ours: ours.peakBytes,
          peer: peer?.peakBytes ?? null,
          ...named,
        });
      for (const what of ours.counts ? ["dispatches", "submits", "readbacks"] : [])
        await this.add({
          measure: `${measure}_${what}`,
          ...about,
          unit: "count",
          ours: ours.counts[what],
          peer: peer?.counts?.[what] ?? null,
          ...named,
        });
    }
  }
}
