"""Random changes of training images; imported by `_data` and above."""

from skcnn.augmentation.base import Augmentation
from skcnn.augmentation.compose import Augment, Compose, augment_batch, check_augment
from skcnn.augmentation.erasing import RandomErasing
from skcnn.augmentation.gather import HorizontalFlip, Shift
from skcnn.augmentation.mixing import CutMix, Mixing, Mixture, Mixup
from skcnn.augmentation.rotation import Rotation

__all__ = [
    "Augment",
    "Augmentation",
    "Compose",
    "CutMix",
    "HorizontalFlip",
    "Mixing",
    "Mixture",
    "Mixup",
    "RandomErasing",
    "Rotation",
    "Shift",
    "augment_batch",
    "check_augment",
]
