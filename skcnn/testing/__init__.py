"""Checks for people who write layers, losses and optimizers of their own."""

from skcnn.testing.differences import finite_differences
from skcnn.testing.layer import check_layer
from skcnn.testing.loss import check_loss
from skcnn.testing.optimizer import check_optimizer

__all__ = ["check_layer", "check_loss", "check_optimizer", "finite_differences"]
