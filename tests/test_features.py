"""CNNFeatures and the method features."""

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import estimator_checks_generator

from skcnn import CNNFeatures
from tests.support.estimators import make_classifier, make_regressor


@pytest.fixture(scope="module")
def model(digits):
    return make_classifier(hidden_layer_sizes=7, max_iter=5).fit(*digits)


def test_the_last_layer_before_the_output_makes_the_outputs(model, digits):
    X = digits[0]
    features = model.features(X)
    assert features.shape == (300, 7)
    assert features.dtype == model.network_.dtype
    views = model.network_.views()[-1]
    expected = features @ views["weights"] + views["bias"]
    np.testing.assert_allclose(model.decision_function(X), expected, rtol=1e-4, atol=1e-5)


def test_feature_maps_are_images(model, digits):
    X = digits[0]
    maps = model.features(X, "conv", flatten=False)
    assert maps.shape == (300, 8, 8, 3)
    assert np.array_equal(model.features(X, 0), maps.reshape(300, -1))
    first = make_classifier(channels="first", image_shape=(1, 8, 8)).fit(
        X.reshape(300, 1, 8, 8), digits[1]
    )
    assert first.features(X.reshape(300, 1, 8, 8), "conv", flatten=False).shape == (300, 3, 8, 8)


@pytest.mark.parametrize("n_jobs", [2, 3])
def test_threads_change_no_bit(n_jobs, model, digits):
    X = np.tile(digits[0], (5, 1, 1)) if digits[0].ndim == 3 else np.tile(digits[0], (5, 1))
    expected = model.features(X, "relu-1")
    model.set_params(n_jobs=n_jobs)
    assert np.array_equal(model.features(X, "relu-1"), expected)
    model.set_params(n_jobs=None)


def test_x_is_checked_as_in_predict(model, digits):
    X = digits[0].reshape(300, -1).astype(float)
    with pytest.raises(ValueError, match="X has 9 features"):
        model.features(X[:, :9])
    X[0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        model.features(X)
    with pytest.raises(ValueError, match="not fitted"):
        make_classifier().features(X)


CHECKED = [
    CNNFeatures(make_classifier(n_filters=2, max_iter=2)),
    CNNFeatures(make_regressor(n_filters=2, max_iter=2), layer="conv"),
]


@pytest.mark.parametrize(
    ("transformer", "check"),
    [
        pytest.param(*case, id=f"{kind}-{number}")
        for kind, estimator in enumerate(CHECKED)
        for number, case in enumerate(estimator_checks_generator(estimator))
        if "array_api" not in str(case[1])  # is for what takes arrays of other libraries
    ],
)
def test_every_estimator_check_passes(transformer, check):
    check(transformer)


def test_it_hands_on_features_with_names(digits):
    X, y = digits[0].reshape(300, -1), digits[1]
    transformer = CNNFeatures(make_classifier(hidden_layer_sizes=4)).fit(X, y)
    fitted = make_classifier(hidden_layer_sizes=4).fit(X, y)
    assert np.array_equal(transformer.transform(X), fitted.features(X))
    assert list(transformer.get_feature_names_out()) == [f"cnnfeatures{k}" for k in range(4)]
    frame = transformer.set_output(transform="pandas").transform(X)
    assert isinstance(frame, pd.DataFrame)
    assert frame.shape == (300, 4)
    assert transformer.n_features_in_ == 64
    named = CNNFeatures(make_classifier()).fit(pd.DataFrame(X).add_prefix("pixel"), y)
    assert named.feature_names_in_[3] == "pixel3"


def test_it_is_searched_in_a_pipeline(digits):
    X, y = digits[0].reshape(300, -1), digits[1]
    pipeline = make_pipeline(
        CNNFeatures(make_classifier(max_iter=9)), LogisticRegression(max_iter=10_000)
    )
    grid = {"cnnfeatures__estimator__n_filters": [1, 4], "cnnfeatures__layer": [-1, "maxpool"]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, y)
    assert search.best_params_["cnnfeatures__estimator__n_filters"] == 4
    assert search.score(X, y) > 0.9


def test_a_fitted_network_is_used_as_it_is(model, digits):
    X, y = digits
    before = model.network_.parameters.copy()
    transformer = CNNFeatures(FrozenEstimator(model)).fit(X, y)
    assert np.array_equal(transformer.transform(X), model.features(X))
    assert np.array_equal(model.network_.parameters, before)


def test_weights_go_to_the_network(digits):
    X, y = digits
    weights = np.random.default_rng(0).uniform(0.5, 2, 300)
    expected = make_classifier().fit(X, y, sample_weight=weights).features(X)
    passed = CNNFeatures(make_classifier()).fit(X, y, sample_weight=weights)
    assert np.array_equal(passed.transform(X), expected)
    with config_context(enable_metadata_routing=True):
        asking = make_classifier().set_fit_request(sample_weight=True)
        flat = X.reshape(300, -1)
        pipeline = make_pipeline(CNNFeatures(asking), LogisticRegression(max_iter=9, tol=1e3))
        pipeline[-1].set_fit_request(sample_weight=False)
        pipeline.fit(flat, y, sample_weight=weights)
        assert np.array_equal(pipeline[0].transform(flat), expected)


def test_chunks_of_a_stream(digits):
    X, y = digits
    transformer = CNNFeatures(make_classifier()).partial_fit(X, y).partial_fit(X, y)
    expected = make_classifier().partial_fit(X, y, classes=np.unique(y)).partial_fit(X, y)
    assert np.array_equal(transformer.transform(X), expected.features(X))
    assert not hasattr(CNNFeatures(make_classifier(early_stopping=True)), "partial_fit")


def test_a_layer_that_is_not_there_is_named(digits):
    transformer = CNNFeatures(make_classifier(), layer="pool").fit(*digits)
    with pytest.raises(ValueError, match="layer='pool' is none of this network's"):
        transformer.transform(digits[0])
    with pytest.raises(AttributeError, match="no n_features_in_ before it is fitted"):
        _ = CNNFeatures(make_classifier()).n_features_in_
