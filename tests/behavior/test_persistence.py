"""Fitted models are saved, copied and loaded; test_continuing trains them on."""

import pickle
import tomllib
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.base import clone

import skcnn
from skcnn.exceptions import IncompatibleVersionError, InconsistentVersionWarning
from skcnn.layers import Conv, Tanh
from skcnn.network import VERSION_KEY
from skcnn.optimizers import SGD
from tests.support.estimators import make_classifier, memory_mapped, outputs


def compressed(model, folder):
    joblib.dump(model, folder / "model.joblib.gz", compress=3)
    return joblib.load(folder / "model.joblib.gz")


def via_joblib(model, folder):
    joblib.dump(model, folder / "model.joblib")
    return joblib.load(folder / "model.joblib")


WAYS = {
    "pickle": lambda model, folder: pickle.loads(pickle.dumps(model)),
    "deepcopy": lambda model, folder: deepcopy(model),
    "joblib": via_joblib,
    "compressed joblib": compressed,
    "memory map": memory_mapped,
}
every_way = pytest.mark.parametrize("way", WAYS)


@pytest.fixture(scope="module", params=[np.float32, np.float64])
def fitted(request, digits):
    """A classifier of words, and what it was fitted to."""
    X, y = digits[0].astype(request.param), digits[1].astype(str)
    return make_classifier(hidden_layer_sizes=(8,), dropout=0.2).fit(X, y), X


@every_way
def test_copies_predict_the_same_bits(way, fitted, tmp_path):
    model, X = fitted
    copy = WAYS[way](model, tmp_path)
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        expected, got = getattr(model, method)(X), getattr(copy, method)(X)
        assert expected.dtype == got.dtype
        np.testing.assert_array_equal(expected, got)
    assert copy.get_params() == model.get_params()
    assert copy.history_ == model.history_
    assert copy.image_shape_ == model.image_shape_
    assert copy.summary() == model.summary()


@every_way
def test_copies_of_a_regressor_predict_the_same_bits(way, regressor, numbers, tmp_path):
    copy = WAYS[way](regressor, tmp_path)
    assert outputs(copy, numbers[0]).tobytes() == outputs(regressor, numbers[0]).tobytes()


@every_way
def test_training_a_copy_goes_on_as_the_original_would_and_leaves_it_alone(way, digits, tmp_path):
    X, y = digits
    model = make_classifier(dropout=0.3).partial_fit(X, y, classes=range(10))
    before = pickle.dumps(model)
    copy = WAYS[way](model, tmp_path).partial_fit(X, y)
    assert pickle.dumps(model) == before
    model.partial_fit(X, y)
    assert copy.network_.parameters.tobytes() == model.network_.parameters.tobytes()


def test_a_fitted_model_is_stored_at_the_size_of_its_weights(digits, tmp_path):
    model = make_classifier(hidden_layer_sizes=(200, 200), max_iter=20).fit(*digits)
    weights = model.network_.parameters.nbytes
    assert weights > 200_000  # what is tested is not the 20 kB
    joblib.dump(model, tmp_path / "model.joblib")
    stored = (tmp_path / "model.joblib").stat().st_size
    pickled = len(pickle.dumps(model)), len(pickle.dumps(deepcopy(model)))
    assert max(stored, *pickled) <= 1.1 * weights + 20_000


def test_a_fitted_model_does_not_drag_the_training_data_along(digits):
    X, y = digits
    small = make_classifier().fit(X[:100], y[:100])
    large = make_classifier().fit(np.tile(X, (5, 1)), np.tile(y, 5))
    assert abs(len(pickle.dumps(small)) - len(pickle.dumps(large))) < 200


def test_an_unfitted_model_with_instances_as_parameters_can_be_saved():
    model = make_classifier(solver=SGD(0.5), activation=Tanh(), layers=[Conv(2, 3)])
    copy = pickle.loads(pickle.dumps(model))
    assert copy.get_params() == model.get_params()
    assert asdict(copy.solver) == {"momentum": 0.5, "nesterov": True}


# Versions


class Saved:
    """Pickles as an object of a class whose state, but for some changes, it is given."""

    def __init__(self, original, **changes):
        state = original.__getstate__() | changes
        self.state = {name: value for name, value in state.items() if value is not None}
        self.kind = type(original)

    def __reduce__(self):
        return object.__new__, (self.kind,), self.state


def as_saved(original, **changes):
    """What a version saved whose state differs so; None leaves a name out."""
    return pickle.dumps(Saved(original, **changes))


def test_the_version_is_that_of_the_project():
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8")
    assert tomllib.loads(text)["project"]["version"] == skcnn.__version__


def test_a_saved_model_knows_the_version_that_made_it(regressor):
    assert regressor.__getstate__()[VERSION_KEY] == skcnn.__version__
    assert regressor.network_.__getstate__()[VERSION_KEY] == skcnn.__version__
    assert VERSION_KEY not in vars(pickle.loads(pickle.dumps(regressor)))
    assert VERSION_KEY not in vars(pickle.loads(pickle.dumps(regressor.network_)))


def test_a_model_of_another_version_warns_and_works(fitted):
    model, X = fitted
    with pytest.warns(InconsistentVersionWarning) as warned:
        loaded = pickle.loads(as_saved(model, **{VERSION_KEY: "0.3.0"}))
    (warning,) = (each.message for each in warned)
    assert (warning.original_version, warning.current_version) == ("0.3.0", skcnn.__version__)
    assert np.array_equal(loaded.predict_proba(X), model.predict_proba(X))


def test_parameters_that_are_new_since_then_get_their_defaults(fitted):
    model, X = fitted
    with pytest.warns(InconsistentVersionWarning):
        loaded = pickle.loads(
            as_saved(model, **{VERSION_KEY: "0.2.0.dev1"}, tol=None, augment=None, scoring=None)
        )
    assert loaded.get_params() == model.get_params()
    assert repr(clone(loaded)) == repr(loaded) == repr(model)
    loaded.fit(X, model.predict(X))


def test_an_unfitted_model_of_0_1_0_loads_with_a_warning():
    with pytest.warns(InconsistentVersionWarning, match=r"saved by skcnn 0\.1\.0"):
        loaded = pickle.loads(
            as_saved(make_classifier(n_filters=7), **{VERSION_KEY: None}, augment=None)
        )
    assert loaded.get_params() == make_classifier(n_filters=7).get_params()


def test_a_fitted_model_that_does_not_know_its_version_is_refused_with_both_named(regressor):
    both = rf"saved by skcnn 0\.1\.0.*skcnn {skcnn.__version__} cannot load it"
    with pytest.raises(IncompatibleVersionError, match=both):
        pickle.loads(as_saved(regressor, **{VERSION_KEY: None}))


def test_a_network_of_0_1_0_is_refused_before_modules_that_are_gone_are_looked_for(regressor):
    network = as_saved(regressor.network_, **{VERSION_KEY: None})
    assert pickle.loads(pickle.dumps(regressor.network_)).parameters.tobytes() == (
        regressor.network_.parameters.tobytes()
    )
    with pytest.raises(
        IncompatibleVersionError, match=r"network was saved by skcnn 0\.1\.0.*fit a new model"
    ):
        pickle.loads(network)
