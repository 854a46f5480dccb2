"""Convolutional networks that are scikit-learn estimators, written from scratch on NumPy."""

from skcnn.classifier import ScratchCNNClassifier

__all__ = ["ScratchCNNClassifier", "__version__"]

__version__ = "0.1.0"
