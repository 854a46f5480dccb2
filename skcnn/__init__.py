"""Convolutional networks that are scikit-learn estimators, written from scratch on NumPy."""

from skcnn.classifier import ScratchCNNClassifier
from skcnn.exceptions import __version__
from skcnn.features import CNNFeatures
from skcnn.regressor import ScratchCNNRegressor

__all__ = ["CNNFeatures", "ScratchCNNClassifier", "ScratchCNNRegressor", "__version__"]
