"""The layers that a network is made of; imported by `network` and whatever builds one."""

from skcnn._engine.workspace import Workspace
from skcnn.layers.activation import ELU, Activation, LeakyReLU, Logistic, ReLU, Tanh
from skcnn.layers.base import Layer
from skcnn.layers.batch_norm import BatchNorm
from skcnn.layers.bias import Bias
from skcnn.layers.conv import Conv
from skcnn.layers.dense import Dense
from skcnn.layers.dropout import Dropout, SpatialDropout
from skcnn.layers.flatten import Flatten
from skcnn.layers.gated_activation import GELU, SiLU
from skcnn.layers.global_pool import GlobalAveragePool, GlobalMaxPool
from skcnn.layers.parallel import Parallel
from skcnn.layers.pool import AveragePool, MaxPool
from skcnn.layers.residual import Residual

__all__ = [
    "ELU",
    "GELU",
    "Activation",
    "AveragePool",
    "BatchNorm",
    "Bias",
    "Conv",
    "Dense",
    "Dropout",
    "Flatten",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "Layer",
    "LeakyReLU",
    "Logistic",
    "MaxPool",
    "Parallel",
    "ReLU",
    "Residual",
    "SiLU",
    "SpatialDropout",
    "Tanh",
    "Workspace",
]
