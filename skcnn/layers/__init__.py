"""The layers that a network is made of; imported by `network` and whatever builds one."""

from skcnn._engine.workspace import Workspace
from skcnn.layers.activation import Activation, Logistic, ReLU, Tanh
from skcnn.layers.base import Layer
from skcnn.layers.batch_norm import BatchNorm
from skcnn.layers.bias import Bias
from skcnn.layers.conv import Conv
from skcnn.layers.dense import Dense
from skcnn.layers.dropout import Dropout, SpatialDropout
from skcnn.layers.flatten import Flatten
from skcnn.layers.pool import AveragePool, MaxPool

__all__ = [
    "Activation",
    "AveragePool",
    "BatchNorm",
    "Bias",
    "Conv",
    "Dense",
    "Dropout",
    "Flatten",
    "Layer",
    "Logistic",
    "MaxPool",
    "ReLU",
    "SpatialDropout",
    "Tanh",
    "Workspace",
]
