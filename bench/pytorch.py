#!/usr/bin/env python3
"""The program `fidelity` beside PyTorch on this machine's CPU: how long an image takes in a training step and in a forward pass.

    cargo build --release --features cli          (with RUSTFLAGS="-C target-cpu=native" for AVX2)
    bench/pytorch.py --fidelity target/release/fidelity --threads 1

Needs an interpreter with PyTorch, NumPy and safetensors. Both sides take turns; a figure is the median of its rounds, each of which is
the median of what fits its seconds. A step is that of tests/golden/train.py in f32: the batch drawn and augmented (crop and flip),
forward and backward pass, Nesterov momentum with weight decay, and the loss. PyTorch runs channels-last, compiled too with --compile.
"""
import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "golden"))
import train
from preresnet import PreResNet

N_CLASSES = 100


def median_seconds(seconds, call):
    """Of a call, after one that is not counted; of three calls at least."""
    call()
    began, times = time.perf_counter(), []
    while len(times) < 3 or time.perf_counter() - began < seconds:
        before = time.perf_counter()
        call()
        times.append(time.perf_counter() - before)
    return statistics.median(times)


class PyTorch:
    def __init__(self, depth, batch, compiled):
        self.net = PreResNet(depth, N_CLASSES).to(memory_format=torch.channels_last)
        self.run = torch.compile(self.net) if compiled else self.net
        self.pixels = torch.randint(0, 256, (batch, 3, 32, 32), dtype=torch.uint8)
        self.labels = torch.arange(batch) % N_CLASSES
        weights = [p for p in self.net.parameters() if p.ndim > 1]
        rest = [p for p in self.net.parameters() if p.ndim <= 1]
        groups = [dict(params=weights, weight_decay=5e-4), dict(params=rest, weight_decay=0.0)]
        self.optimiser = torch.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=True)

    def step(self):
        order = torch.randperm(len(self.pixels))
        images = train.last(train.augment(self.pixels[order], "baseline"))
        loss = F.cross_entropy(self.run(images), self.labels[order])
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        loss.item()

    def forward(self):
        with torch.inference_mode():
            self.run(train.last(train.scale(self.pixels))).numpy()

    def measure(self, seconds):
        """Milliseconds an image, as `fidelity bench` measures them."""
        self.net.eval()
        forward = median_seconds(seconds, self.forward)
        self.net.train()
        step = median_seconds(seconds, self.step)
        return {"step": 1e3 * step / len(self.pixels), "forward": 1e3 * forward / len(self.pixels)}


def fidelity(program, depth, batch, threads, seconds):
    command = [program, "bench", "--json", "--depth", depth, "--batch-size", batch, "--threads", threads, "--seconds", seconds]
    output = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout
    row = json.loads(output)
    return {"step": 1e3 / row["stepImagesPerSecond"], "forward": 1e3 / row["forwardImagesPerSecond"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fidelity", default="fidelity", metavar="PROGRAM", help="the program, if it is not on the PATH")
    parser.add_argument("--depth", type=int, nargs="+", default=[20, 56], metavar="N")
    parser.add_argument("--batch-size", type=int, default=128, metavar="N")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), metavar="N")
    parser.add_argument("--seconds", type=float, default=5.0, metavar="S", help="for each figure of a round")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--compile", action="store_true", help="PyTorch's networks by torch.compile")
    arguments = parser.parse_args()
    # The reference trainer takes a GPU where there is one; this is about processors.
    train.device = torch.device("cpu")
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    theirs = f"PyTorch {torch.__version__}{', compiled' if arguments.compile else ''}"
    print(f"ms an image, batches of {arguments.batch_size}, threads: {arguments.threads}, {arguments.rounds} rounds; {theirs}\n")
    print(f"| {'network':12} | {'what':7} | fidelity | PyTorch | ratio |")
    print(f"| {'-' * 12} | {'-' * 7} | -------- | ------- | ----- |")
    for depth in arguments.depth:
        pytorch = PyTorch(depth, arguments.batch_size, arguments.compile)
        sides = [
            lambda: fidelity(arguments.fidelity, depth, arguments.batch_size, arguments.threads, arguments.seconds),
            lambda: pytorch.measure(arguments.seconds),
        ]
        rounds = [[], []]
        for number in range(arguments.rounds):
            # Every other round goes backwards, so that neither always follows the other.
            for side in (0, 1) if number % 2 == 0 else (1, 0):
                rounds[side].append(sides[side]())
        for what in ("step", "forward"):
            ours, peer = (statistics.median(figures[what] for figures in side) for side in rounds)
            print(f"| PreResNet-{depth:<2} | {what:7} | {ours:8.3f} | {peer:7.3f} | {peer / ours:4.2f}x |", flush=True)


if __name__ == "__main__":
    main()
