"""What all algorithms of convolution have in common: what they are told, and what they do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from skcnn._engine.convolution.geometry import Axis
from skcnn._engine.workspace import Workspace

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Algorithm:
    """How a convolution is computed.

    Parameters
    ----------
    axes : tuple of Axis
        The spatial axes.
    channels, n_filters : int
        Channels of input and output.
    interleave : int, default=1
        Groups of output columns: first all whose number leaves the remainder 0 when divided by
        it, then 1, and so on.
    """

    axes: tuple[Axis, ...]
    channels: int
    n_filters: int
    interleave: int = 1

    def forward(self, x: Array, weights: Array, workspace: Workspace) -> tuple[Array, Any]:
        """Return the outputs, without bias, and what :meth:`backward` needs.

        Parameters
        ----------
        x : ndarray of shape (*leading, channels, last, n)
            Signals, images or volumes.
        weights : ndarray of shape (*kernel, channels of a group, n_filters)
            Of all filters.
        workspace : Workspace
            Holds the result.

        Returns
        -------
        y : ndarray of shape (*leading outputs, n_filters, last outputs, n)
            There may be one more axis, of length 1, before the last three.
        kept : object
            For :meth:`backward`.
        """
        raise NotImplementedError

    def backward(
        self, dy: Array, kept: Any, gradient: Array, workspace: Workspace, *, need_dx: bool
    ) -> Array | None:
        """Write the gradient for the weights to `gradient`, and return the one for x.

        Parameters
        ----------
        dy : ndarray of shape (*leading outputs, n_filters, last outputs, n)
            Gradient for the outputs.
        kept : object
            From :meth:`forward`.
        gradient : ndarray of shape (*kernel, channels of a group, n_filters)
            Is overwritten.
        workspace : Workspace
            The one that forward was given.
        need_dx : bool
            Whether the gradient for x is asked for.

        Returns
        -------
        dx : ndarray or None
            As many elements as x has, in the same order; None if `need_dx` is false.
        """
        raise NotImplementedError
