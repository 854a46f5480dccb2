"""Random erasing: a box of each image is filled with one value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skcnn._engine.workspace import Workspace
from skcnn.augmentation.base import Array, Augmentation, Shape, check_between, fill_values

__all__ = ["RandomErasing"]


@dataclass(frozen=True)
class RandomErasing(Augmentation):
    """Fill a box at a random position, so that no part of an image is indispensable.

    Parameters
    ----------
    probability : float, default=0.5
        Probability of each image to lose a box.
    scale : tuple of float, default=(0.02, 0.3)
        Smallest and largest fraction of the image that is erased.
    ratio : tuple of float, default=(0.3, 3.3)
        Smallest and largest ratio of the box's height to its width, both as fractions of
        the image's, drawn on a logarithmic scale. Signals have none.

    Notes
    -----
    A side that would be longer than the image is cut to its length, so the box is then smaller.

    References
    ----------
    Zhong, Zheng, Kang, Li, Yang. Random Erasing Data Augmentation. AAAI 2020.
    """

    probability: float = 0.5
    scale: tuple[float, float] = (0.02, 0.3)
    ratio: tuple[float, float] = (0.3, 3.3)

    def check(self, lengths: Shape) -> None:
        """Check probability, scale and ratio."""
        check_between(self.probability, "probability", 0, 1)
        for name, least, most in (("scale", 0.0, 1.0), ("ratio", 1e-3, 1e3)):
            pair = getattr(self, name)
            if not (isinstance(pair, tuple | list) and len(pair) == 2):
                raise ValueError(f"{name}={pair!r} must be a pair (smallest, largest).")
            for value in pair:
                check_between(value, f"{name}={pair!r}: each", least, most)
            if pair[0] > pair[1]:
                raise ValueError(f"{name}={pair!r} must be (smallest, largest). Swap them.")

    def apply(
        self, x: Array, rng: np.random.Generator, workspace: Workspace, fill: Array | float
    ) -> Array:
        """Write `fill` into a box of each sample that is drawn."""
        *leading, _, last, n = x.shape
        lengths = (*leading, last)
        chosen = rng.random(n) < self.probability
        fractions = self._fractions(len(lengths), n, rng)
        mask = workspace.buffer("erased", (*leading, 1, last, n), np.bool_)
        mask[:] = chosen
        for axis, (length, fraction) in enumerate(zip(lengths, fractions, strict=True)):
            extent = np.clip(np.rint(fraction * length), 1, length).astype(np.intp)
            start = rng.integers(0, length - extent + 1)
            offset = np.arange(length)[:, None] - start
            shape = [1] * mask.ndim
            shape[axis if axis < len(leading) else -2], shape[-1] = length, n
            mask &= ((offset >= 0) & (offset < extent)).reshape(shape)
        np.copyto(x, fill_values(fill, x), where=mask)
        return x

    def _fractions(self, rank: int, n: int, rng: np.random.Generator) -> list[Array]:
        """Return the size of each sample's box along each axis, as a fraction of the axis."""
        side = rng.uniform(*self.scale, n) ** (1 / rank)
        narrowest, widest = np.log(self.ratio)
        stretch = np.exp(rng.uniform(narrowest, widest, n) / 2)
        if rank == 1:
            return [side]
        return [*[side] * (rank - 2), side * stretch, side / stretch]
