import pickle

import numpy as np
import pytest

from skcnn.optimizers import SGD, Adam


@pytest.fixture
def started(digits, make_classifier):
    """A classifier after one partial_fit."""
    X, y = digits
    return make_classifier().partial_fit(X, y, classes=range(10))


def test_the_first_call_needs_classes(digits, make_classifier):
    model = make_classifier()
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        model.partial_fit(*digits)
    assert not [name for name in vars(model) if name.endswith("_")]


@pytest.mark.parametrize(
    "classes", [range(10), list(range(9, -1, -1)), np.arange(10.0), [0, *range(10)]]
)
def test_classes_may_come_in_any_form_and_order(
    classes, started, digits, make_classifier, assert_same_bits
):
    model = make_classifier().partial_fit(*digits, classes=classes)
    assert_same_bits(started, model, digits[0])
    assert_same_bits(started.partial_fit(*digits), model.partial_fit(*digits, classes=classes))


def test_a_label_that_is_no_class_is_a_clear_error(started, digits):
    X, y = digits
    before = pickle.dumps(started)
    with pytest.raises(ValueError, match=r"labels that are not in classes: \[10, 11\].*\[0, 1, 2"):
        started.partial_fit(X, np.where(y < 2, y + 10, y))
    assert pickle.dumps(started) == before


def test_a_label_that_is_no_class_is_an_error_at_the_first_call_too(digits, make_classifier):
    model = make_classifier()
    with pytest.raises(ValueError, match="labels that are not in classes"):
        model.partial_fit(*digits, classes=range(9))
    assert not [name for name in vars(model) if name.endswith("_")]


@pytest.mark.parametrize("classes", [range(9), range(11), range(1, 11), list("0123456789")])
def test_changed_classes_are_a_clear_error(classes, started, digits):
    before = pickle.dumps(started)
    with pytest.raises(ValueError, match="differ from those of the first call"):
        started.partial_fit(*digits, classes=classes)
    assert pickle.dumps(started) == before


def test_labels_of_another_type_are_no_classes(started, digits):
    X, y = digits
    with pytest.raises(ValueError, match="labels that are not in classes"):
        started.partial_fit(X, y.astype(str))


def test_many_classes_and_few_rows_raise_no_warning(digits, make_classifier):
    # scikit-learn takes more than 20 labels, most of them distinct, for a regression
    X, _ = digits
    model = make_classifier().partial_fit(X[:30], np.arange(30), classes=range(50))
    model.partial_fit(X[30:55], np.arange(25, 50))
    assert model.predict_proba(X).shape == (300, 50)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ([None, "a"], "^classes mixes .*NoneType"),
        ([1, "a"], "^classes mixes"),
        ([1, float("nan")], "^classes contains NaN"),
        ([[0, 1], [1, 2]], r"^classes has shape \(2, 2\)"),
        ([], "labels that are not in classes"),
    ],
)
def test_classes_that_make_no_sense_are_a_clear_error(classes, message, digits, make_classifier):
    model = make_classifier()
    with pytest.raises(ValueError, match=message):
        model.partial_fit(*digits, classes=classes)
    assert not hasattr(model, "classes_")


@pytest.mark.parametrize("sizes", [[300], [100, 200], [1, 1, 298], [50] * 6])
def test_data_may_come_in_chunks(sizes, digits, make_classifier):
    X, y = digits
    model = make_classifier(max_iter=1)
    for _ in range(4):
        for stop, size in zip(np.cumsum(sizes), sizes, strict=True):
            part = slice(stop - size, stop)
            model.partial_fit(X[part], y[part], classes=range(10))
    assert model.n_iter_ == len(model.loss_curve_) == 4 * len(sizes)
    assert model.predict_proba(X).shape == (300, 10)


def test_chunks_without_shuffling_are_the_batches_of_one_epoch(digits, make_classifier):
    X, y = digits
    parameters = {"shuffle": False, "standardize": False, "batch_size": 60, "alpha": 0.1}
    whole = make_classifier(**parameters).partial_fit(X, y, classes=range(10))
    chunks = make_classifier(**parameters)
    for first in (0, 120, 240):
        part = slice(first, first + 120)
        chunks.partial_fit(X[part], y[part], classes=range(10))
    assert whole.network_.parameters.tobytes() == chunks.network_.parameters.tobytes()


def test_a_chunk_may_lack_classes(digits, make_classifier):
    X, y = digits
    model = make_classifier().partial_fit(X[y < 3], y[y < 3], classes=range(10))
    assert model.classes_.tolist() == list(range(10))
    model.partial_fit(X[y == 7], y[y == 7])
    assert model.predict_proba(X).shape == (300, 10)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"solver": "sgd"},
        {"solver": SGD(0.9, nesterov=False)},
        {"dropout": 0.3, "hidden_layer_sizes": (8,), "alpha": 0.1},
        {"shuffle": False},
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_k_calls_are_k_epochs_of_fit(parameters, dtype, digits, make_classifier, assert_same_bits):
    X, y = digits[0].astype(dtype), digits[1]
    model = make_classifier(**parameters)
    for k in range(1, 4):
        model.partial_fit(X, y, classes=range(10))
        assert_same_bits(model, make_classifier(**parameters, max_iter=k).fit(X, y), X)


def test_each_call_shuffles_anew(digits, make_classifier):
    X, y = digits
    models = {}
    for shuffle in (True, False):
        # steps of zero length: what differs between epochs is the order of the sum
        model = make_classifier(shuffle=shuffle, learning_rate=0.01, batch_size=7, solver=SGD(0))
        model.partial_fit(X, y, classes=range(10))  # from here on losses of rows differ
        model.set_params(learning_rate=1e-300)
        for _ in range(4):
            model.partial_fit(X, y)
        models[shuffle] = set(model.loss_curve_[1:])
    assert len(models[True]) > 1
    assert len(models[False]) == 1


def test_one_call_is_one_epoch_that_is_recorded(digits, make_classifier):
    X, y = digits
    model = make_classifier(max_iter=50, tol=10.0, n_iter_no_change=1)
    for k in range(1, 5):
        assert model.partial_fit(X, y, classes=range(10)) is model
        assert model.n_iter_ == len(model.loss_curve_) == len(model.history_) == k
        assert model.loss_ == model.loss_curve_[-1] == model.history_[-1]["loss"]
    assert model.loss_curve_[-1] < model.loss_curve_[0]


def test_earlier_records_are_kept(started, digits):
    first = started.history_[0]
    records, curve = started.history_, started.loss_curve_
    started.partial_fit(*digits)
    assert started.history_[0] == first
    assert len(records) == len(curve) == 1  # what somebody kept does not grow


def test_goes_on_after_fit(digits, make_classifier, assert_same_bits):
    X, y = digits
    model = make_classifier(max_iter=3).fit(X, y)
    before = model.network_.parameters.copy()
    model.partial_fit(X, y)
    assert model.n_iter_ == len(model.loss_curve_) == 4
    assert not np.array_equal(before, model.network_.parameters)
    assert model.loss_curve_[3] < model.loss_curve_[0]
    again = make_classifier(max_iter=3).fit(X, y).partial_fit(X, y, classes=range(10))
    assert_same_bits(model, again, X)


def test_plain_sgd_after_fit_is_one_longer_fit(digits, make_classifier, assert_same_bits):
    X, y = digits
    plain = {"solver": SGD(momentum=0), "dropout": 0.2}
    model = make_classifier(**plain, max_iter=2).fit(X, y).partial_fit(X, y)
    assert_same_bits(model, make_classifier(**plain, max_iter=3).fit(X, y), X)


def test_fit_after_partial_fit_starts_again(started, digits, make_classifier, assert_same_bits):
    X, y = digits
    started.fit(X[y < 4], y[y < 4])
    assert_same_bits(started, make_classifier().fit(X[y < 4], y[y < 4]), X)


def test_statistics_of_the_input_are_learned_once(digits, make_classifier):
    X, y = digits
    first, rest = slice(0, 100), slice(100, 300)
    model = make_classifier().partial_fit(X[first], y[first], classes=range(10))
    learned = pickle.dumps(model._fitted.standardizer)
    probabilities = model.predict_proba(X)
    model.partial_fit(1000 * X[rest] + 5, y[rest])
    assert pickle.dumps(model._fitted.standardizer) == learned
    other = make_classifier().partial_fit(X[first], y[first], classes=range(10))
    np.testing.assert_array_equal(other.predict_proba(X), probabilities)
    model = make_classifier(max_iter=1).fit(X, y)
    learned = pickle.dumps(model._fitted.standardizer)
    model.partial_fit(X * 7, y)
    assert pickle.dumps(model._fitted.standardizer) == learned


def test_a_changed_learning_rate_and_batch_size_are_used(digits, make_classifier):
    X, y = digits
    model = make_classifier().partial_fit(X, y, classes=range(10))
    model.set_params(learning_rate=0.0025, batch_size=300).partial_fit(X, y)
    assert [record["learning_rate"] for record in model.history_] == [0.01, 0.0025]


@pytest.mark.parametrize("solver", ["sgd", SGD(0.5), Adam(beta_1=0.5)])
def test_a_changed_solver_starts_afresh(solver, started, digits):
    started.set_params(solver=solver).partial_fit(*digits)
    assert started.n_iter_ == 2


@pytest.mark.parametrize(
    "change",
    [
        {"n_filters": 4},
        {"n_filters": (3, 3)},
        {"filter_size": 5},
        {"activation": "tanh"},
        {"hidden_layer_sizes": (5,)},
        {"dropout": 0.5},
        {"layers": []},
    ],
)
def test_a_changed_architecture_is_a_clear_error(change, started, digits):
    started.set_params(**change)
    before = pickle.dumps(started)
    with pytest.raises(ValueError, match="changed after the first fit"):
        started.partial_fit(*digits)
    assert pickle.dumps(started) == before
    started.fit(*digits)


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1)])
def test_shaped_and_flat_x_may_alternate(shape, digits, started, make_classifier, assert_same_bits):
    X, y = digits
    expected = make_classifier().partial_fit(X, y, classes=range(10)).partial_fit(X, y)
    assert_same_bits(started.partial_fit(X.reshape(-1, *shape), y), expected, X)


def test_is_deterministic_with_a_random_state_instance(digits, make_classifier, assert_same_bits):
    models = []
    for _ in range(2):
        model = make_classifier(random_state=np.random.RandomState(3))
        for _ in range(3):
            model.partial_fit(*digits, classes=range(10))
        models.append(model)
    assert_same_bits(*models, digits[0])


@pytest.mark.parametrize(
    "change",
    [
        {"image_shape": (4, 16)},
        {"image_shape": (4, 17)},
        {"dtype": "float32"},
        {"standardize": False},
        {"filter_size": 2},
    ],
)
def test_what_makes_up_the_network_may_not_change(change, digits, make_classifier):
    X, y = digits
    X = np.asarray(X, dtype=np.float64)
    model = make_classifier().partial_fit(X, y, classes=range(10))
    before = model.network_.parameters.tobytes()
    with pytest.raises(ValueError, match=r"image_shape|dtype|standardize|layers"):
        model.set_params(**change).partial_fit(X, y)
    assert model.n_iter_ == 1
    assert model.network_.parameters.tobytes() == before


@pytest.mark.parametrize(
    "change", [{"learning_rate": -1}, {"solver": "newton"}, {"batch_size": 0}, {"alpha": -1.0}]
)
def test_parameters_are_checked_at_every_call(change, digits, make_classifier):
    X, y = digits
    model = make_classifier().partial_fit(X, y, classes=range(10))
    (name,) = change
    with pytest.raises(ValueError, match=name):
        model.set_params(**change).partial_fit(X, y)
