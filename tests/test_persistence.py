import io
import pickle
from copy import deepcopy
from dataclasses import asdict

import joblib
import numpy as np
import pytest


def via_pickle(model, folder):
    return pickle.loads(pickle.dumps(model))


def via_deepcopy(model, folder):
    return deepcopy(model)


def via_joblib(model, folder):
    joblib.dump(model, folder / "model.joblib")
    return joblib.load(folder / "model.joblib")


def via_compressed_joblib(model, folder):
    joblib.dump(model, folder / "model.joblib.gz", compress=3)
    return joblib.load(folder / "model.joblib.gz")


def via_memory_map(model, folder):
    joblib.dump(model, folder / "model.joblib")
    loaded = joblib.load(folder / "model.joblib", mmap_mode="r")
    assert isinstance(loaded.network_.parameters, np.memmap)
    assert not loaded.network_.parameters.flags.writeable
    return loaded


WAYS = [via_pickle, via_deepcopy, via_joblib, via_compressed_joblib, via_memory_map]


def pickled_size(model):
    return len(pickle.dumps(model))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_copies_predict_the_same_bits(way, dtype, digits, make_classifier, tmp_path):
    X, y = digits[0].astype(dtype), digits[1].astype(str)
    model = make_classifier(hidden_layer_sizes=(8,), dropout=0.2).fit(X, y)
    copy = way(model, tmp_path)
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        expected, got = getattr(model, method)(X), getattr(copy, method)(X)
        assert expected.dtype == got.dtype
        np.testing.assert_array_equal(expected, got)
    assert copy.get_params() == model.get_params()
    assert copy.history_ == model.history_
    assert copy.image_shape_ == model.image_shape_
    assert copy.summary() == model.summary()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_partial_fit_goes_on_after_a_copy_as_without(
    way, solver, digits, make_classifier, assert_same_bits, tmp_path
):
    X, y = digits
    straight, saved = (
        make_classifier(solver=solver, dropout=0.3, alpha=0.1).partial_fit(X, y, classes=range(10))
        for _ in range(2)
    )
    copy = way(saved, tmp_path)
    for _ in range(2):
        straight.partial_fit(X, y)
        copy.partial_fit(X, y)
    assert_same_bits(straight, copy, X)


@pytest.mark.parametrize("way", WAYS)
def test_training_a_copy_leaves_the_original_alone(way, digits, make_classifier, tmp_path):
    X, y = digits
    model = make_classifier().partial_fit(X, y, classes=range(10))
    before = pickle.dumps(model)
    way(model, tmp_path).partial_fit(X, y)
    assert pickle.dumps(model) == before


def test_a_fitted_model_is_stored_at_the_size_of_its_weights(digits, make_classifier, tmp_path):
    X, y = digits
    model = make_classifier(hidden_layer_sizes=(200, 200), max_iter=20).fit(X, y)
    weights = model.network_.parameters.nbytes
    assert weights > 200_000  # what is tested is not the 20 kB
    limit = 1.1 * weights + 20_000
    joblib.dump(model, tmp_path / "model.joblib")
    assert (tmp_path / "model.joblib").stat().st_size <= limit
    assert pickled_size(model) <= limit
    assert pickled_size(deepcopy(model)) <= limit


def test_a_fitted_model_does_not_drag_the_training_data_along(digits, make_classifier):
    X, y = digits
    small = pickled_size(make_classifier().fit(X[:100], y[:100]))
    large = pickled_size(make_classifier().fit(np.tile(X, (5, 1)), np.tile(y, 5)))
    assert abs(small - large) < 200


def test_optimizer_state_is_kept_after_partial_fit_and_dropped_after_fit(digits, make_classifier):
    X, y = digits
    model = make_classifier(hidden_layer_sizes=(200,)).fit(X, y)
    weights = model.network_.parameters.nbytes
    fitted = pickled_size(model)
    model.partial_fit(X, y)
    assert pickled_size(model) > fitted + 1.9 * weights  # both of Adam's means
    model.fit(X, y)
    assert pickled_size(model) == pytest.approx(fitted, abs=100)


def test_partial_fit_after_fit_starts_the_optimizer_afresh(
    digits, make_classifier, assert_same_bits, tmp_path
):
    X, y = digits
    one = make_classifier().fit(X, y)
    other = via_joblib(one, tmp_path)
    assert_same_bits(one.partial_fit(X, y), other.partial_fit(X, y), X)


def test_an_unfitted_model_with_instances_as_parameters_can_be_saved(make_classifier):
    from skcnn.layers import Conv, Tanh
    from skcnn.optimizers import SGD

    model = make_classifier(solver=SGD(0.5), activation=Tanh(), layers=[Conv(2, 3)])
    copy = pickle.load(io.BytesIO(pickle.dumps(model)))
    assert copy.get_params() == model.get_params()
    assert asdict(copy.solver) == {"momentum": 0.5, "nesterov": True}
