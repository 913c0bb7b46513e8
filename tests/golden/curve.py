#!/usr/bin/env python3
"""Writes curve.json: the loss curve of a short training of a teacher by train.py, for several seeds.

    curve.py --data DIR [--seeds 5]        DIR holds train.bin and test.bin of the binary CIFAR-100
The recipe is the furnace's but for its length: PreResNet-20, the first 2,000 training images, 3 epochs of 15 batches of 128,
learning rate 0.1 with a warm-up of 5 steps, flip and crop, in f32. Test figures are of the first 2,000 test images.
"""
import argparse, json, tempfile
from pathlib import Path
import torch
import train

ap = argparse.ArgumentParser(); ap.add_argument("--data", default="cifar-100-binary"); ap.add_argument("--seeds", type=int, default=5); args = ap.parse_args()
torch.set_num_threads(1); train.device = torch.device("cpu"); train.amp = lambda on=True: torch.autocast("cpu", dtype=torch.bfloat16, enabled=False)
recipe = dict(depth=20, epochs=3, batch=128, lr=0.1, weight_decay=5e-4, policy="baseline", limit=2000)
seeds = {}
for seed in range(args.seeds):
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/net.safetensors"
        train.run(argparse.Namespace(**recipe, seed=seed, data=args.data, out=out, teachers=[], init_teacher=None, split=None, compile=False, eval_every=1, small_epochs=0, tau=4.0, alpha=0.0))
        rows = [json.loads(line) for line in Path(out + ".jsonl").read_text().splitlines()]
    seeds[seed] = {key: [row[key] for row in rows] for key in ("loss", "train_acc", "acc", "nll")}
Path(__file__).with_name("curve.json").write_text(json.dumps(dict(recipe=recipe, torch=torch.__version__, seeds=seeds), indent=1) + "\n")
