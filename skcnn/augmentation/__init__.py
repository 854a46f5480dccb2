"""Random changes of training images that preserve the label; imported by `_data` and above."""

from skcnn.augmentation.base import Augment, Augmentation, Compose, augment_batch, check_augment
from skcnn.augmentation.erasing import RandomErasing
from skcnn.augmentation.gather import HorizontalFlip, Shift
from skcnn.augmentation.rotation import Rotation

__all__ = [
    "Augment",
    "Augmentation",
    "Compose",
    "HorizontalFlip",
    "RandomErasing",
    "Rotation",
    "Shift",
    "augment_batch",
    "check_augment",
]
