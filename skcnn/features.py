"""CNNFeatures: what a network has learned to see, as the input of another model."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn import get_config
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    MetaEstimatorMixin,
    TransformerMixin,
    clone,
    is_classifier,
)
from sklearn.utils import Tags, get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skcnn._estimator.feature_network import network_up_to

__all__ = ["CNNFeatures"]

Array = npt.NDArray[Any]


def _can(method: str) -> Callable[[Any], bool]:
    """Return whether the network's estimator has a method, or raise its AttributeError."""

    def check(self: CNNFeatures) -> bool:
        getattr(self.estimator, method)
        return True

    return check


class CNNFeatures(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, MetaEstimatorMixin, BaseEstimator
):
    """Transformer that fits a network and hands on the activations of one of its layers.

    Parameters
    ----------
    estimator : ScratchCNNClassifier or ScratchCNNRegressor
        Is cloned and fitted; one that is fitted already, in a
        :class:`~sklearn.frozen.FrozenEstimator`, is used as it is.
    layer : int or str, default=-1
        Which layer, as in :meth:`ScratchCNNClassifier.features`: the last one before the output
        layer.

    Attributes
    ----------
    estimator_ : estimator
        The fitted one.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from skcnn import CNNFeatures, ScratchCNNClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> features = CNNFeatures(ScratchCNNClassifier(max_iter=5, random_state=0))
    >>> model = make_pipeline(features, KNeighborsClassifier()).fit(X[:1000], y[:1000])
    >>> bool(model.score(X[1000:], y[1000:]) > 0.9)
    True
    """

    def __init__(self, estimator: Any, *, layer: int | str = -1) -> None:
        self.estimator = estimator
        self.layer = layer

    def fit(self, X: Any, y: Any = None, **fit_params: Any) -> Self:
        """Fit the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *image_shape)
            Images, flat or shaped.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            What the network learns to predict.
        **fit_params : dict
            For `fit` of the estimator, such as `sample_weight`; with metadata routing those that
            it asks for.

        Returns
        -------
        self : CNNFeatures
            The fitted transformer.
        """
        estimator = clone(self.estimator)
        self.estimator_ = estimator.fit(X, y, **self._params("fit", fit_params))
        return self

    @available_if(_can("partial_fit"))
    def partial_fit(self, X: Any, y: Any = None, **partial_fit_params: Any) -> Self:
        """Train the network for one more epoch.

        Parameters
        ----------
        X, y : array-like
            As in :meth:`fit`.
        **partial_fit_params : dict
            For `partial_fit` of the estimator. The `classes` of a classifier are by default those
            of y in the first call.

        Returns
        -------
        self : CNNFeatures
            The transformer, one epoch further.
        """
        params = self._params("partial_fit", partial_fit_params)
        estimator = vars(self).get("estimator_")
        if estimator is None:
            estimator = clone(self.estimator)
            if is_classifier(estimator):
                params = {"classes": np.unique(y), **params}
        self.estimator_ = estimator.partial_fit(X, y, **params)
        return self

    def transform(self, X: Any) -> Array:
        """Return the activations of the layer.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *image_shape)
            Images, flat or shaped.

        Returns
        -------
        features : ndarray of shape (n_samples, n_features_out)
            In the working dtype of the network.
        """
        check_is_fitted(self)
        features: Array = self.estimator_.features(X, self.layer)
        return features

    @property
    def n_features_in_(self) -> int:
        """Number of columns of X."""
        return int(self._fitted_attribute("n_features_in_"))

    @property
    def feature_names_in_(self) -> Array:
        """Names of the columns of X."""
        names: Array = self._fitted_attribute("feature_names_in_")
        return names

    @property
    def _n_features_out(self) -> int:
        return prod(network_up_to(self.estimator_.network_, self.layer).shapes[-1])

    def _fitted_attribute(self, name: str) -> Any:
        if "estimator_" not in vars(self):
            raise AttributeError(f"{type(self).__name__} has no {name} before it is fitted.")
        return getattr(self.estimator_, name)

    def _params(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Return what the estimator's method is given."""
        if not get_config()["enable_metadata_routing"]:
            return params
        routed = process_routing(self, method, **params)
        given: dict[str, Any] = getattr(routed.estimator, method)
        return given

    def get_metadata_routing(self) -> MetadataRouter:
        """Return which metadata go where, as everywhere in scikit-learn."""
        mapping = MethodMapping()
        for caller in ("fit", "fit_transform"):
            mapping.add(caller=caller, callee="fit")
        mapping.add(caller="partial_fit", callee="partial_fit")
        router = MetadataRouter(owner=type(self).__name__)
        return router.add(estimator=self.estimator, method_mapping=mapping)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags, tags.target_tags = inner.input_tags, inner.target_tags
        return tags
