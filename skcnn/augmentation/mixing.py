"""Images mixed with others of the mini-batch, and their targets with those of the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from skcnn._engine.workspace import Workspace
from skcnn.augmentation.base import Array, Augmentation, Shape, check_between

__all__ = ["CutMix", "Mixing", "Mixture", "Mixup"]


class Mixture(NamedTuple):
    """What each sample of a mini-batch was mixed with.

    Parameters
    ----------
    partners : ndarray of int of shape (n,)
        Which sample.
    shares : ndarray of float64 of shape (n,)
        How much of the sample itself is left, between 0 and 1.
    """

    partners: Array
    shares: Array

    def of_targets(self, targets: Array) -> Array:
        """Return share * target + (1 - share) * target of the partner, in the targets' dtype.

        Parameters
        ----------
        targets : ndarray of floats of shape (n,) or (n, n_outputs)
            Numbers, or probabilities of classes.
        """
        shares = self.shares.astype(targets.dtype).reshape(-1, *[1] * (targets.ndim - 1))
        mixed: Array = shares * targets + (1 - shares) * targets[self.partners]
        return mixed


@dataclass(frozen=True)
class Mixing(Augmentation):
    """Mixes each image of a mini-batch with another one; training mixes their targets, too.

    A subclass gives :meth:`mix`. Partners come from the same micro-batch, each with a probability
    proportional to its weight, and a mixed image has the weight of the image that it was before:
    weights count as repeated samples do.
    """

    def mix(
        self, x: Array, rng: np.random.Generator, workspace: Workspace, weights: Array | None
    ) -> Mixture:
        """Mix the images in place, and return with what.

        Parameters
        ----------
        x : ndarray of shape (*leading, channels, last, n)
            Contiguous; is overwritten.
        rng : numpy.random.Generator
            For all random numbers.
        workspace : Workspace
            Scratch memory.
        weights : ndarray of shape (n,) or None
            Weight of each sample; None: all are equal.

        Returns
        -------
        mixture : Mixture
            Which other image went into each, and how much of itself is left.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `mix`.")

    def apply(
        self, x: Array, rng: np.random.Generator, workspace: Workspace, fill: Array | float
    ) -> Array:
        """Return the mixed images; what is outside of them is of no concern."""
        self.mix(x, rng, workspace, None)
        return x


@dataclass(frozen=True)
class Mixup(Mixing):
    """Each image becomes a weighted mean of itself and another: share * x + (1 - share) * other.

    Parameters
    ----------
    alpha : float, default=0.2
        Both parameters of the beta distribution that shares are drawn from, one for each image:
        near 0 one of the two is all but alone, at 1 all shares are equally frequent.
    probability : float, default=1.0
        Probability of each image to be mixed.

    References
    ----------
    Zhang, Cisse, Dauphin, Lopez-Paz. mixup: Beyond Empirical Risk Minimization. ICLR 2018.
    """

    alpha: float = 0.2
    probability: float = 1.0

    def check(self, lengths: Shape) -> None:
        """Check alpha and probability."""
        _check(self)

    def mix(
        self, x: Array, rng: np.random.Generator, workspace: Workspace, weights: Array | None
    ) -> Mixture:
        """Mix all values of each image."""
        n = x.shape[-1]
        mixture = Mixture(_partners(n, rng, weights), _shares(self, n, rng))
        other = _images_of(mixture.partners, x, workspace)
        shares = mixture.shares.astype(x.dtype)
        x *= shares
        other *= 1 - shares
        x += other
        return mixture


@dataclass(frozen=True)
class CutMix(Mixing):
    """A box of each image is replaced by the same box of another.

    Parameters
    ----------
    alpha : float, default=1.0
        Both parameters of the beta distribution that the share of what is left is drawn from,
        one for each image: at 1 boxes of all sizes are equally frequent.
    probability : float, default=1.0
        Probability of each image to get a box.

    Notes
    -----
    Boxes have the proportions of the image. Their centers are anywhere in it, and what would be
    outside is cut off; the share of the targets is that of the pixels which are left.

    References
    ----------
    Yun, Han, Oh, Chun, Choe, Yoo. CutMix: Regularization Strategy to Train Strong Classifiers with
    Localizable Features. ICCV 2019.
    """

    alpha: float = 1.0
    probability: float = 1.0

    def check(self, lengths: Shape) -> None:
        """Check alpha and probability."""
        _check(self)

    def mix(
        self, x: Array, rng: np.random.Generator, workspace: Workspace, weights: Array | None
    ) -> Mixture:
        """Copy a box into each image."""
        *leading, _, last, n = x.shape
        lengths = (*leading, last)
        partners = _partners(n, rng, weights)
        fraction = (1 - _shares(self, n, rng)) ** (1 / len(lengths))
        inside = workspace.buffer("inside", (*leading, 1, last, n), np.bool_)
        inside[:] = True
        volume = np.ones(n)
        for axis, length in enumerate(lengths):
            extent = np.rint(fraction * length).astype(np.intp)
            start = rng.integers(0, length, n) - extent // 2
            offset = np.arange(length)[:, None] - start
            along = (offset >= 0) & (offset < extent)
            volume *= along.sum(axis=0)
            shape = [1] * inside.ndim
            shape[axis if axis < len(leading) else -2], shape[-1] = length, n
            inside &= along.reshape(shape)
        np.copyto(x, _images_of(partners, x, workspace), where=inside)
        return Mixture(partners, 1 - volume / np.prod(lengths))


def _check(mixing: Mixup | CutMix) -> None:
    check_between(mixing.alpha, "alpha", 1e-3, 1e3)
    check_between(mixing.probability, "probability", 0, 1)


def _partners(n: int, rng: np.random.Generator, weights: Array | None) -> Array:
    """Return one sample for each of n, with a probability proportional to its weight."""
    if weights is None:
        return rng.permutation(n)
    return rng.choice(n, n, p=weights / weights.sum(dtype=np.float64))


def _shares(mixing: Mixup | CutMix, n: int, rng: np.random.Generator) -> Array:
    """Return how much of each image is to be left, 1 for those that are not chosen."""
    shares = rng.beta(mixing.alpha, mixing.alpha, n)
    return np.where(rng.random(n) < mixing.probability, shares, 1.0)


def _images_of(partners: Array, x: Array, workspace: Workspace) -> Array:
    """Return a copy of the partners' images."""
    other = workspace.buffer("partners", x.shape, x.dtype)
    return np.take(x, partners, axis=-1, out=other, mode="clip")  # else it would copy once more
