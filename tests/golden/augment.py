#!/usr/bin/env python3
"""Writes augment.safetensors: what train.py's augmentations make of the first four images of golden.safetensors, with given draws.

Values are levels, 0 to 255, as fractions where a policy makes such, `[4, side, side, 3]`.
"""
from pathlib import Path
import math, torch, torch.nn.functional as F
from safetensors.torch import load_file, save_file
import train

here = Path(__file__).parent; train.device = torch.device("cpu"); drawn = torch.rand
images = load_file(here / "golden.safetensors")["images"][:4]
x = train.scale(images.permute(0, 3, 1, 2)); levels = lambda v: ((v + 1) * 127.5).permute(0, 2, 3, 1).contiguous()


def with_draws(draws, policy):
    """The policy with these numbers in place of torch.rand's, which are uniform on [0, 1)."""
    draws = iter(draws); torch.rand = lambda *shape, device=None: torch.as_tensor(next(draws)).float().reshape(shape)
    try:
        return policy()
    finally:
        torch.rand = drawn


out = dict(images=images.contiguous())
angles = torch.tensor([-20.0, -7.3, 0.9, 19.2])  # degrees
out["rotation.degrees"] = angles; out["rotation"] = levels(with_draws([(angles / 20 + 1) / 2], lambda: train.rotate(x))).round().to(torch.uint8)
jitter = torch.tensor([[0.8, 1.2, 0.85, -0.2], [1.2, 0.8, 1.2, 0.2], [1.0, 1.0, 1.0, 0.13], [1.13, 1.07, 0.9, -0.05]])  # factors of brightness, contrast, saturation; hue in turns
u = torch.cat([(jitter[:, :3] - 0.8) / 0.4, (jitter[:, 3:] + 0.2) / 0.4], 1)
out["jitter.changes"] = jitter; out["jitter"] = levels(with_draws(u.T, lambda: train.color_jitter(x)))
out["small"] = levels(F.interpolate(x, size=(24, 24), mode="bilinear", antialias=True))
save_file(out, here / "augment.safetensors", metadata=dict(torch=torch.__version__))
