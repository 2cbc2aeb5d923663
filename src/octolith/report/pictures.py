"""Label images as small PNGs inside the page, in the colours of the phases."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageColor

from octolith.palette import MIXED_COLOUR
from octolith.phases import OUTSIDE, Phases

OUTSIDE_COLOUR = "#9aa0a6"


def label_png(labels: np.ndarray, phases: Phases) -> bytes:
    """A palette PNG of (y, x) labels; mixed is white and outside the rock is grey."""
    outside = len(phases) + 1
    codes = np.where(labels == OUTSIDE, outside, labels).astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(codes), "P")
    colours = [*phases.colours, MIXED_COLOUR, OUTSIDE_COLOUR]
    image.putpalette([part for colour in colours for part in ImageColor.getrgb(colour)])
    return _png(image, bits=2 if outside < 4 else 4 if outside < 16 else 8)


def colour_png(codes: np.ndarray, colours: list[str]) -> bytes:
    """A palette PNG of (y, x) codes in any colours."""
    image = Image.fromarray(np.ascontiguousarray(codes.astype(np.uint8)), "P")
    image.putpalette([part for colour in colours for part in ImageColor.getrgb(colour)])
    return _png(image, bits=8)


def grey_png(image: np.ndarray, low: float, high: float) -> bytes:
    """An 8-bit PNG of a grey (y, x) image, from black at ``low`` to white at ``high``."""
    scaled = (image.astype(float) - low) / max(high - low, 1e-9) * 255
    return _png(Image.fromarray(scaled.clip(0, 255).astype(np.uint8), "L"))


def data_uri(content: bytes, kind: str = "image/png") -> str:
    """Content as an address that needs no network."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def file_uri(path: Path) -> str:
    """A PNG or SVG file as an address that needs no network."""
    kind = "image/svg+xml" if path.suffix == ".svg" else "image/png"
    return data_uri(path.read_bytes(), kind)


def _png(image: Image.Image, **options: int) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=True, **options)
    return stream.getvalue()
