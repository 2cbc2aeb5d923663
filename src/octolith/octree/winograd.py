"""3×3×3 convolution on families by Winograd's F(2, 3), nested in the three axes.

A family is a 2×2×2 output tile; its 4×4×4 window is fetched from the 27 neighbours of the parent.
In the transformed domain the 8·27 products of a family become 64: one matrix product for each
place of the tile (Lavin and Gray 2016, "Fast algorithms for convolutional neural networks",
section 4.1). Tiles exist for one chunk of families at a time and are transformed in place.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional

from octolith.octree.cores import cores, on_cores
from octolith.octree.level import CHILDREN

# The tiles of a chunk stay in the last-level cache; few families would starve the products.
CHUNK_BYTES = 4 << 20
# A GPU has to be told of every product: fewer, larger ones.
GPU_CHUNK_BYTES = 256 << 20
MIN_FAMILIES = 128

_AXIS = torch.tensor([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]], dtype=torch.float64)
# (64, 27): takes a kernel, its 27 offsets in a row, to the transformed domain.
KERNEL = torch.kron(torch.kron(_AXIS, _AXIS), _AXIS)


def _window() -> tuple[Tensor, Tensor]:
    """For the 64 cells of a window: which of the 27 parents (64,), and which child (64, 1)."""
    cell = torch.cartesian_prod(*[torch.arange(-1, 3)] * 3)
    parent = (cell.div(2, rounding_mode="floor") + 1) @ torch.tensor([9, 3, 1])
    child = (cell & 1) @ torch.tensor([4, 2, 1])
    return parent, child[:, None].to(torch.int32)


PARENT, CHILD = _window()
# The family's own cells are the middle of its window.
OWN = torch.arange(64).view(4, 4, 4)[1:3, 1:3, 1:3].reshape(-1)


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, near: Tensor) -> Tensor:
    """3×3×3 convolution, as of `octolith.octree.convolution.conv3`.

    The arithmetic is in float32 (float64 for float64) whatever the precision of ``x``: half
    precision would cost the transforms a hundredth of the result.
    """
    return _convolve(x, _to_tiles(weight), bias, near)


def adjoint(
    x: Tensor, grad: Tensor, weight: Tensor, near: Tensor, *, wanted_x: bool, wanted_weight: bool
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients by x and by the weight; windows are made again, and serve both."""
    kernel = _to_tiles(mirrored(weight))
    grad_x, grad_kernel = _adjoint(
        x, grad, kernel, near, wanted_x=wanted_x, wanted_kernel=wanted_weight
    )
    return grad_x, None if grad_kernel is None else mirrored(_from_tiles(grad_kernel))


def mirrored(weight: Tensor) -> Tensor:
    """The kernel with which <grad, conv(x, weight)> = <x, conv(grad, kernel)>; its own inverse.

    Neighbours are mutual.
    """
    return weight.transpose(0, 1).flip(2, 3, 4)


def _convolve(x: Tensor, kernel: Tensor, bias: Tensor | None, near: Tensor) -> Tensor:
    """X (8p, c_in) with kernel (64, c_in, c_out) -> (8p, c_out)."""
    _, c_in, c_out = kernel.shape
    chunks = _Chunks(near, max(c_in, c_out))
    features = padded(x, kernel.dtype)
    out = x.new_empty(chunks.nodes, c_out)

    def work(share: int) -> None:
        windows = _Windows(chunks.size, c_in, features)
        products = _Products(chunks.size, c_out, features)
        for nodes, rows in chunks.share(share):
            torch.bmm(windows.load(features, rows), kernel, out=products.matrices)
            if bias is not None:
                products.cube[1, 1, 1] += bias  # whose share is 1 in all eight cells
            products.store(out[nodes])

    on_cores(work, chunks.shares)
    return out[: len(x)]


def _adjoint(
    x: Tensor, grad: Tensor, kernel: Tensor, near: Tensor, *, wanted_x: bool, wanted_kernel: bool
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients by x (8p, c_in), and by the kernel (64, c_out, c_in) that takes grad to it."""
    _, c_out, c_in = kernel.shape
    chunks = _Chunks(near, max(c_in, c_out))
    gradients = padded(grad, kernel.dtype)
    features = padded(x, kernel.dtype) if wanted_kernel else None
    grad_x = x.new_empty(chunks.nodes, c_in) if wanted_x else None

    def work(share: int) -> Tensor | None:
        windows = _Windows(chunks.size, c_out, gradients)
        if grad_x is not None:
            products = _Products(chunks.size, c_in, gradients)
        if features is not None:
            spread = _Spread(chunks.size, c_in, gradients)
            grad_kernel = torch.zeros_like(kernel)
        for nodes, rows in chunks.share(share):
            window = windows.load(gradients, rows)
            if grad_x is not None:
                torch.bmm(window, kernel, out=products.matrices)
                products.store(grad_x[nodes])
            if features is not None:
                grad_kernel.baddbmm_(window.transpose(1, 2), spread.load(features, rows))
        return None if features is None else grad_kernel

    first, *others = on_cores(work, chunks.shares)
    for other in others:
        if first is not None and other is not None:
            first += other
    return None if grad_x is None else grad_x[: len(x)], first


def _to_tiles(weight: Tensor) -> Tensor:
    """(c_out, c_in, 3, 3, 3) -> (64, c_in, c_out)."""
    exact = weight.to(torch.promote_types(weight.dtype, torch.float32))
    offsets = exact.permute(2, 3, 4, 1, 0).reshape(27, -1)
    return (KERNEL.to(offsets) @ offsets).view(64, weight.shape[1], weight.shape[0])


def _from_tiles(grad: Tensor) -> Tensor:
    """The adjoint of `_to_tiles`: (64, c_in, c_out) -> (c_out, c_in, 3, 3, 3)."""
    _, c_in, c_out = grad.shape
    offsets = KERNEL.to(grad).T @ grad.view(64, -1)
    return offsets.view(3, 3, 3, c_in, c_out).permute(4, 3, 0, 1, 2)


def padded(x: Tensor, dtype: torch.dtype) -> Tensor:
    """X (8p, c) and an absent family, of zeros."""
    padded = x.new_empty(len(x) + CHILDREN, x.shape[1], dtype=dtype)
    padded[: len(x)] = x
    padded[len(x) :] = 0
    return padded


class _Chunks:
    """Equal chunks of families, as many for every core; absent families fill up the last ones."""

    def __init__(self, near: Tensor, channels: int) -> None:
        families = near.shape[1]
        chunk = GPU_CHUNK_BYTES if near.is_cuda else CHUNK_BYTES
        most = max(MIN_FAMILIES, chunk // (64 * 4 * channels))
        self.shares = max(1, min(cores(near.device), families // MIN_FAMILIES))
        self._each = -(-families // (most * self.shares))
        count = self.shares * self._each
        self.size = -(-families // max(1, count))
        self.nodes = CHILDREN * count * self.size
        self._near = functional.pad(near, (0, count * self.size - families), value=families)

    def share(self, number: int) -> Iterator[tuple[slice, Tensor]]:
        """The nodes of each chunk of one core, and the (64, size) rows of its windows."""
        parent, child = PARENT.to(self._near.device), CHILD.to(self._near.device)
        for i in range(number * self._each, (number + 1) * self._each):
            families = slice(i * self.size, (i + 1) * self.size)
            nodes = slice(CHILDREN * families.start, CHILDREN * families.stop)
            yield nodes, self._near[:, families][parent] * CHILDREN + child


class _Tiles:
    """4×4×4 tiles of a chunk of families, the place in the tile slowest."""

    def __init__(self, families: int, channels: int, like: Tensor) -> None:
        self.rows = like.new_empty(64 * families, channels)
        self.matrices = self.rows.view(64, families, channels)
        self.cube = self.rows.view(4, 4, 4, families, channels)


def _lines(*cubes: Tensor) -> list[tuple[Tensor, ...]]:
    """The planes 0 … 3 of the first cube along z, of the second along y, of the third along x."""
    return [cube.movedim(axis, 0).unbind() for axis, cube in enumerate(cubes)]


class _Windows(_Tiles):
    """Windows of features, taken to the transformed domain."""

    def __init__(self, families: int, channels: int, like: Tensor) -> None:
        super().__init__(families, channels, like)
        self._lines = _lines(self.cube, self.cube, self.cube)

    def load(self, x: Tensor, rows: Tensor) -> Tensor:
        """Windows at ``rows`` (64, families) of x -> (64, families, channels)."""
        torch.index_select(x, 0, rows.view(-1), out=self.rows)
        for d0, d1, d2, d3 in self._lines:
            d0.sub_(d2)
            d3.sub_(d1)
            d1.add_(d2)
            torch.sub(d1, d2, alpha=2, out=d2)  # what was d1 - d2
        return self.matrices


class _Products(_Tiles):
    """Products in the transformed domain, brought back to the families' own cells."""

    def __init__(self, families: int, channels: int, like: Tensor) -> None:
        super().__init__(families, channels, like)
        self._lines = _lines(self.cube, self.cube[:2], self.cube[:2, :2])

    def store(self, out: Tensor) -> None:
        """Write ``out`` (8·families, channels)."""
        for m0, m1, m2, m3 in self._lines:
            m0.add_(m1).sub_(m2)
            m1.add_(m2).add_(m3)
        own = self.cube[:2, :2, :2].movedim(3, 0)
        out.view(own.shape).copy_(own)


class _Spread(_Tiles):
    """The families' own cells, taken to the transformed domain by the adjoint of `_Products`."""

    def __init__(self, families: int, channels: int, like: Tensor) -> None:
        super().__init__(families, channels, like)
        self._own = like.new_empty(CHILDREN * families, channels)
        self._corners = self.cube[::3, ::3, ::3]
        self._lines = _lines(self.cube[:, ::3, ::3], self.cube[:, :, ::3], self.cube)

    def load(self, x: Tensor, rows: Tensor) -> Tensor:
        """Own cells among ``rows`` (64, families) of x -> (64, families, channels)."""
        torch.index_select(x, 0, rows[OWN.to(rows.device)].view(-1), out=self._own)
        self._corners.copy_(self._own.view(self._corners.shape))
        for y0, total, difference, y1 in self._lines:
            torch.add(y0, y1, out=total)
            torch.sub(y1, y0, out=difference)
        return self.matrices
