#!/usr/bin/env python3
"""Writes box.json and box.bin beside itself: what Pillow makes of pictures from a formula (`pip install pillow`).

Each picture is cropped to its centre square and reduced with resize((32, 32), Image.BOX). box.json lists width, height and
whether alpha varies; box.bin holds the results, 3,072 bytes of RGB each. Those with alpha are laid on white first.
"""
import json
from pathlib import Path

import PIL
from PIL import Image

OPAQUE = [(1, 1), (2, 3), (5, 9), (16, 16), (17, 31), (31, 31), (32, 32), (32, 40), (33, 33), (35, 36), (47, 48), (49, 49), (50, 37), (63, 65), (64, 64),
          (97, 97), (100, 75), (107, 214), (161, 163), (187, 187), (333, 128), (501, 1025), (640, 480), (1000, 999)]
TRANSPARENT = [(32, 32), (50, 37), (129, 200)]


def picture(width, height, with_alpha):
    def value(x, y, channel):
        return (3 * x * x + 5 * y * y + 7 * x * y + 97 * channel + 11) % 256
    image = Image.new("RGBA", (width, height))
    image.putdata([tuple(value(x, y, c) for c in range(3)) + (value(x, y, 3) if with_alpha else 255,) for y in range(height) for x in range(width)])
    return image


def reduce(image):
    flat = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return flat.crop((left, top, left + side, top + side)).resize((32, 32), Image.BOX).tobytes()


here = Path(__file__).parent
cases = [(w, h, False) for w, h in OPAQUE] + [(w, h, True) for w, h in TRANSPARENT]
(here / "box.bin").write_bytes(b"".join(reduce(picture(*case)) for case in cases))
(here / "box.json").write_text(json.dumps(dict(pillow=PIL.__version__, cases=[dict(width=w, height=h, alpha=a) for w, h, a in cases])) + "\n")
