#!/usr/bin/env python3
"""Writes kinks.json: how far each golden gradient moves where a ReLU's input is closer to zero than f32 can tell.

A unit that is off instead of on changes the gradients of all layers before it by a step, not by a rounding error. Here
PyTorch itself computes them in other ways that are as good: in f64, in f32 with another memory layout, and each with images
changed by one part in ten million (a rounding), 8 seeds. Kept is the largest deviation from the golden value, relative to the
tensor's largest; and the same for images changed by one part in a million, since WebGPU lets a division be off by 2.5 roundings
and an adapter sums in an order of its own.
"""
import copy, json
from pathlib import Path
import torch, torch.nn.functional as F
from safetensors.torch import load_file
import train
from train import load_net, scale

here = Path(__file__).parent; train.device = torch.device("cpu")
golden = load_file(here / "golden.safetensors"); tau = 4.0
images, teacher = golden["images"].permute(0, 3, 1, 2).contiguous(), golden["ensemble.log_probs"].double()


def gradients(net, n, noise, dtype, layout):
    net = copy.deepcopy(net).to(dtype).to(memory_format=layout).train()
    x = scale(images[:n]).to(dtype); z = teacher[:n].to(dtype)
    x = (x * (1 + noise * torch.randn_like(x))).to(memory_format=layout)
    (-(F.softmax(z / tau, 1) * F.log_softmax(net(x) / tau, 1)).sum(1).mean() * tau ** 2).backward()
    found = {k: p.grad.double() for k, p in net.named_parameters()}
    return {**{f"grad.{k}": g for k, g in found.items()}, "grad_norms": torch.stack([g.norm() for _, g in sorted(found.items())])}


ways = [(torch.float64, torch.contiguous_format), (torch.float32, torch.contiguous_format), (torch.float32, torch.channels_last)]
spread = {}
for noise in (1e-7, 1e-6):
    found = spread[f"{noise:.0e}".replace("e-0", "e-")] = {}
    for prefix, name, n in (("step", "student0", 20), ("step8", "student0", 8), ("arbitrary20.step8", "arbitrary20", 8)):
        net = load_net(here / f"{name}.safetensors")
        for dtype, layout in ways:
            for seed in range(9):
                torch.manual_seed(seed)
                for key, other in gradients(net, n, noise if seed else 0.0, dtype, layout).items():
                    if (known := golden.get(f"{prefix}.{key}")) is not None:
                        deviation = ((other - known.double()).abs().max() / known.abs().max()).item()
                        found[f"{prefix}.{key}"] = max(deviation, found.get(f"{prefix}.{key}", 0.0))
rounded = {noise: {k: float(f"{v:.2g}") for k, v in sorted(found.items())} for noise, found in spread.items()}
(here / "kinks.json").write_text(json.dumps(rounded, indent=2) + "\n")
