"""One augmentation after the other, and how a mini-batch goes through them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from skcnn._checks import with_inner
from skcnn._engine.workspace import Workspace
from skcnn.augmentation.base import Array, Augmentation, Shape, batch_first, batch_last
from skcnn.augmentation.mixing import Mixing, Mixture

__all__ = ["Augment", "Compose", "augment_batch", "check_augment"]

Augment = Augmentation | Callable[..., Array] | Sequence[Any] | None


@dataclass(frozen=True)
class Compose(Augmentation):
    """One augmentation after the other.

    Parameters
    ----------
    steps : sequence
        Of augmentations and of functions ``(X, rng)``. They share one generator.

    Examples
    --------
    >>> from skcnn.augmentation import Compose, HorizontalFlip, Shift
    >>> Compose([Shift(2), HorizontalFlip()])
    Compose(steps=(Shift(max_shift=2), HorizontalFlip(probability=0.5)))
    """

    steps: Sequence[Any]

    def __post_init__(self) -> None:
        if not isinstance(self.steps, tuple | list):
            raise ValueError(f"steps={self.steps!r} must be a list or tuple of augmentations.")
        object.__setattr__(self, "steps", tuple(self.steps))  # frozen

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the steps, and if `deep` each augmentation among them and its parameters by name.

        Parameters
        ----------
        deep : bool, default=True
            Whether to name each augmentation as `make_pipeline` of scikit-learn does: by its class
            in small letters, with ``-1``, ``-2`` and so on if there are several; and its
            hyper-parameters as ``shift__max_shift``.

        Returns
        -------
        params : dict
            By name.
        """
        named = self._named() if deep else {}
        params: dict[str, Any] = {"steps": self.steps}
        for name, number in named.items():
            step = self.steps[number]
            params[name] = step
            params |= {f"{name}__{inner}": each for inner, each in step.get_params().items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Return another value, in which steps or their parameters are replaced by name.

        Parameters
        ----------
        **params : dict
            ``steps``, and on that the names that :meth:`get_params` gives.

        Returns
        -------
        value : Compose
            Another value.

        Raises
        ------
        ValueError
            If there is no such parameter, or its value is wrong.
        """
        value = replace(self, steps=params.pop("steps")) if "steps" in params else self
        named = value._named()
        steps = list(value.steps)
        result = with_inner(params, {name: steps[number] for name, number in named.items()})
        unknown = [name for name in result if name not in named]
        if unknown:
            known = ["steps", *named]
            raise ValueError(f"{value!r} has no parameters named {unknown}. It has {known}.")
        for name, step in result.items():
            steps[named[name]] = step
        return replace(value, steps=steps)

    def _named(self) -> dict[str, int]:
        """Return where the augmentations are among the steps, by name."""
        where = [n for n, step in enumerate(self.steps) if isinstance(step, Augmentation)]
        kinds = [type(self.steps[n]).__name__.lower() for n in where]
        names = [
            kind if kinds.count(kind) == 1 else f"{kind}-{kinds[: n + 1].count(kind)}"
            for n, kind in enumerate(kinds)
        ]
        return dict(zip(names, where, strict=True))

    def check(self, lengths: Shape) -> None:
        """Check each step."""
        for step in self.steps:
            check_augment(step, lengths)

    def apply(
        self, x: Array, rng: np.random.Generator, workspace: Workspace, fill: Array | float
    ) -> Array:
        """Apply each step to the result of the one before, with its own workspace."""
        return augment_batch(x, self, rng, workspace, fill)


def check_augment(augment: Augment, lengths: Shape) -> None:
    """Raise a ValueError if `augment` cannot augment images of these lengths.

    Parameters
    ----------
    augment : Augmentation, callable, sequence of them, or None
        What the user gave.
    lengths : tuple of int
        Spatial lengths of the images, channels left out.
    """
    if isinstance(augment, tuple | list):
        augment = Compose(augment)
    if isinstance(augment, Augmentation):
        augment.check(lengths)
    elif augment is not None and (isinstance(augment, type) or not callable(augment)):
        raise ValueError(
            f"augment={augment!r} must be an augmentation, such as Shift(2), a function of "
            f"(X, rng), a list of these, or None."
        )


def augment_batch(
    x: Array,
    augment: Augment,
    rng: np.random.Generator,
    workspace: Workspace,
    fill: Array | float = 0.0,
) -> Array:
    """Return a mini-batch augmented.

    Parameters
    ----------
    x : ndarray of shape (*leading, channels, last, n)
        The mini-batch as layers see it, contiguous; may be overwritten.
    augment : Augmentation, callable, sequence of them, or None
        A function gets images of shape (n, *lengths, channels), which it may overwrite, and the
        generator; it returns images of the same shape.
    rng : numpy.random.Generator
        For all random numbers.
    workspace : Workspace
        Scratch memory, where the result may live.
    fill : float or ndarray of shape (channels,), default=0.0
        Fill value for what lies outside of the images: the mean of the training images, which is
        0 if they are standardized.

    Returns
    -------
    ndarray of the shape and dtype of `x`

    Raises
    ------
    ValueError
        If a function returns anything but images of the same shape.
    """
    return augment_and_mix(x, augment, rng, workspace, fill)[0]


def augment_and_mix(
    x: Array,
    augment: Augment,
    rng: np.random.Generator,
    workspace: Workspace,
    fill: Array | float = 0.0,
    weights: Array | None = None,
) -> tuple[Array, list[Mixture]]:
    """Return a mini-batch augmented, and what was mixed in it, from the first mixture to the last.

    Parameters are those of :func:`augment_batch`, and `weights` of shape (n,), the weight of each
    sample; None: all are equal.
    """
    if augment is None:
        return x, []
    if isinstance(augment, tuple | list):
        augment = Compose(augment)
    if isinstance(augment, Compose):
        mixtures: list[Mixture] = []
        for number, step in enumerate(augment.steps):
            part = workspace.part(f"step {number}")
            x, more = augment_and_mix(x, step, rng, part, fill, weights)
            mixtures += more
        return x, mixtures
    if isinstance(augment, Mixing):
        return x, [augment.mix(x, rng, workspace, weights)]
    if isinstance(augment, Augmentation):
        return augment.apply(x, rng, workspace, fill), []
    assert callable(augment)
    images = batch_first(x)
    X = workspace.buffer("X", images.shape, x.dtype)
    np.copyto(X, images)
    np.copyto(x, batch_last(_checked(augment(X, rng), X.shape)), casting="same_kind")
    return x, []


def _checked(images: Any, shape: Shape) -> Array:
    """Return what a user's function returned, or raise a ValueError that says what is wrong."""
    expected = f"It must return an array of finite floats of shape {shape}, as it was given"
    if not isinstance(images, np.ndarray):
        raise ValueError(f"augment returned {type(images).__name__}. {expected}.")
    if images.shape != shape:
        raise ValueError(f"augment returned an array of shape {images.shape}. {expected}.")
    if images.dtype.kind != "f":
        raise ValueError(f"augment returned an array of dtype {images.dtype}. {expected}.")
    if not np.isfinite(images).all():
        raise ValueError(f"augment returned NaN or infinity. {expected}.")
    return images
