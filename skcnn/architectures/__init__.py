"""Known networks as lists of layers, for `layers`; imported by `_estimator` and above."""

from skcnn.architectures.fcn import fcn
from skcnn.architectures.inception_time import inception_time
from skcnn.architectures.lenet5 import lenet5
from skcnn.architectures.resnet import resnet
from skcnn.architectures.resnet1d import resnet1d
from skcnn.architectures.vgg import vgg
from skcnn.architectures.wide_resnet import wide_resnet

__all__ = ["fcn", "inception_time", "lenet5", "resnet", "resnet1d", "vgg", "wide_resnet"]
