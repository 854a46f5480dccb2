"""Errors say what is wrong and leave the estimator as it was."""

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse import csr_matrix
from sklearn.model_selection import GridSearchCV

from skcnn import ScratchCNNClassifier, ScratchCNNRegressor
from skcnn.layers import BatchNorm, Conv, Dense, Flatten, MaxPool
from skcnn.optimizers import SGD
from tests.support.estimators import make_classifier, make_regressor, unchanged


def one_hot(y):
    return 2 * np.eye(10)[y] - 1


def with_value(X, value):
    X = X.copy()
    X[3, 3] = value
    return X


# parameters, what becomes of X, what becomes of y, what the message has to say
CASES = {
    "filter over valid": (
        {"filter_size": 9, "padding": "valid"},
        r"filter_size=\(9, 9\).*\(8, 8\).*padding='same'",
    ),
    "filter over valid in the second block": (
        {"n_filters": (2, 2), "filter_size": 5, "padding": "valid"},
        r"filter_size=\(5, 5\).*\(2, 2\).*smaller filter_size",
    ),
    "filter over valid, rectangular": (
        {"filter_size": ((3, 9),), "padding": "valid"},
        r"filter_size=\(3, 9\).*\(8, 8\)",
    ),
    "given layers that do not fit": (
        {"layers": [MaxPool(4), Conv(2, 3, padding="valid")]},
        r"filter_size=\(3, 3\).*\(2, 2\)",
    ),
    "dense before flatten": ({"layers": [Dense(3)]}, r"\(8, 1, 8\).*Flatten"),
    "convolution after flatten": ({"layers": [Flatten(), Conv(2)]}, r"Conv.*before Flatten"),
    "no layer": ({"layers": [Conv(2), "relu"]}, r"layers\[1\]='relu' is not a layer.*Conv\(8, 3\)"),
    "a layer class": ({"layers": [MaxPool]}, r"layers\[0\].*is not a layer"),
    "image_shape of another size": (
        {"image_shape": (8, 9)},
        r"image_shape=\(8, 9\) has 72 elements, but X has 64 columns.*\(H, W\)",
    ),
    "image_shape of another order": (
        {"image_shape": (4, 16)},
        r"X holds .* shape \(8, 8\), but image_shape is \(4, 16\).*Reshape X to \(n, 4, 16\)",
        lambda X: X.reshape(-1, 8, 8),
    ),
    "image_shape of 5 axes": ({"image_shape": (2, 2, 2, 2, 4)}, r"image_shape=.*one to four"),
    "image_shape with zero": ({"image_shape": (8, 0)}, r"image_shape=.*positive integers"),
    "image_shape of floats": ({"image_shape": (8.0, 8.0)}, r"image_shape=.*positive integers"),
    "image_shape empty": ({"image_shape": ()}, r"image_shape=.*one to four"),
    "X of 6 axes": (
        {},
        r"X has shape \(300, 2, 2, 2, 2, 4\).*5 axes.*channels",
        lambda X: X.reshape(-1, 2, 2, 2, 2, 4),
    ),
    "X of one axis": ({}, "Reshape your data", lambda X: X[:, 0]),
    "X of images that differ in shape": (
        {},
        "differ in shape.*crop or resize",
        lambda X: [*X[:-1].reshape(-1, 8, 8), X[-1, :63].reshape(7, 9)],
    ),
    "X with NaN": ({}, "X contains NaN", lambda X: with_value(X, np.nan)),
    "X with infinity": ({}, "X contains infinity", lambda X: with_value(X, np.inf)),
    "shaped X with NaN": ({}, "X contains NaN", lambda X: with_value(X, np.nan).reshape(-1, 8, 8)),
    "float16 X with NaN": ({}, "NaN", lambda X: with_value(X, np.nan).astype(np.float16)),
    "complex X": ({}, "[Cc]omplex", lambda X: X + 1j),
    "shaped complex X": ({}, "[Cc]omplex", lambda X: (X + 1j).reshape(-1, 8, 8)),
    "X of strings": ({}, "(?i)convert|numeric", lambda X: np.full(X.shape, "a")),
    "X without samples": ({}, r"0 sample", lambda X: X[:0]),
    "X without columns": ({}, r"0 feature", lambda X: X[:, :0]),
    "X of fewer samples than y": ({}, "inconsistent numbers of samples", lambda X: X[:-1]),
    "one-hot y of -1": ({}, r"y has shape \(300, 10\).*argmax\(axis=1\)", None, one_hot),
    "y of two columns": ({}, r"y has shape \(300, 2\)", None, lambda y: np.stack([y, y], 1)),
    "y of None": ({}, "requires y to be passed", None, lambda y: None),
    "diverging": ({"learning_rate": 1e30}, r"epoch 1 with learning_rate=1e\+30.*smaller"),
    "no optimizer of that name": ({"solver": "newton"}, "'solver'"),
    "dtype of integers": ({"dtype": np.int32}, "dtype=.*must be 'auto', float32 or float64"),
    "dtype float16": ({"dtype": np.float16}, "dtype=.*must be 'auto', float32 or float64"),
    "padding of another name": ({"padding": ("full",)}, "padding='full' must be 'same', 'valid'"),
    "padding for three axes": ({"padding": ((1, 1, 1),)}, r"padding=\(1, 1, 1\).*tuple of 2"),
    "filter for three axes": ({"filter_size": ((3, 3, 3),)}, r"filter_size=\(3, 3, 3\).* of 2"),
    "filter of zero": ({"filter_size": (0,)}, "filter_size=0.*at least 1"),
    "stride of zero": ({"stride": (0,)}, "stride=0.*at least 1"),
    "pool of zero": ({"pool_size": (0,)}, "pool_size=0.*at least 1"),
    "no filters": ({"n_filters": (2, 0)}, "n_filters=.*at least 1"),
    "half a filter": ({"n_filters": (2.5,)}, "n_filters=.*integer"),
    "hidden layer of no units": ({"hidden_layer_sizes": (0,)}, "hidden_layer_sizes=.*at least 1"),
    "hidden layer of half a unit": ({"hidden_layer_sizes": (2.5,)}, "hidden_layer_sizes=.*integer"),
    "hidden layer of words": ({"hidden_layer_sizes": ("9",)}, "hidden_layer_sizes=.*integer"),
}
for name in ("filter_size", "pool_size", "stride", "padding"):
    CASES[f"{name} for another number of blocks"] = (
        {"n_filters": (2, 2), name: (1, 1, 1)},
        rf"{name}=\(1, 1, 1\) has 3 entries, but n_filters makes 2 block.*nested",
    )
    CASES[f"{name} of a rectangle that is not nested"] = (
        {"n_filters": 2, name: (1, 3)},
        rf"{name}=\(1, 3\) has 2 entries, but n_filters makes 1 block.*{name}=\(\(3, 5\),\)",
    )
for name, value in {
    "n_filters": 0,
    "filter_size": 0,
    "pool_size": -1,
    "pooling": "min",
    "padding": "full",
    "stride": 0,
    "hidden_layer_sizes": 0,
    "activation": "softplus",
    "dropout": 1.0,
    "layers": "conv",
    "image_shape": "square",
    "standardize": "yes",
    "dtype": "int8",
    "solver": SGD,
    "learning_rate": 0,
    "alpha": -1,
    "max_grad_norm": 0,
    "learning_rate_schedule": "falling",
    "early_stopping": "",  # partial_fit exists where it is false
    "validation_fraction": 1.0,
    "scoring": "good",
    "class_weight": "even",
    "warm_start": "yes",
    "batch_size": 0,
    "max_iter": 0,
    "shuffle": "no",
    "tol": -1,
    "n_iter_no_change": 0,
    "random_state": -1,
    "verbose": -1,
}.items():
    CASES[f"{name}={value!r}"] = ({name: value}, rf"The '{name}' parameter .*must be")
CASES |= {
    "batch_norm of words": ({"batch_norm": "yes"}, "'batch_norm' parameter"),
    "block_dropout of one": ({"block_dropout": 1.0}, "'block_dropout' parameter"),
    "block_dropout below zero": ({"block_dropout": -0.1}, "'block_dropout' parameter"),
    "batch_norm of single samples": (
        {"batch_norm": True, "batch_size": 1},
        "batch_size=1 is too small for batch normali[sz]ation",
    ),
    "a layer of batch_norm of single samples": (
        {"layers": [BatchNorm()], "batch_size": 1},
        "batch_size=1 is too small for batch normali[sz]ation",
    ),
}


def data_of(name, X, y):
    """X and y as they are for a case."""
    spoil_X, spoil_y = (*CASES[name][2:], None, None)[:2]
    return spoil_X(X) if spoil_X else X, spoil_y(y) if spoil_y else y


@pytest.mark.parametrize("name", CASES)
def test_errors_say_what_is_wrong_and_leave_the_model_as_it_was(name, digits, classifier):
    """An unfitted one, by fit and partial_fit, and one that was fitted before."""
    parameters, message = CASES[name][:2]
    X, y = data_of(name, *digits)
    unfitted = make_classifier(**{"n_filters": 2} | parameters)
    expected = classifier.predict_proba(digits[0])
    classifier.set_params(**{"n_filters": 2} | parameters)
    for fit in (
        lambda: unfitted.fit(X, y),
        lambda: unfitted.partial_fit(X, y, classes=range(10)),
        lambda: classifier.fit(X, y),
    ):
        with (
            unchanged(unfitted),
            unchanged(classifier),
            pytest.raises(ValueError, match=f"(?s){message}"),
        ):
            fit()
    np.testing.assert_array_equal(classifier.predict_proba(digits[0]), expected)


BAD_DATA = {name: case for name, case in CASES.items() if len(case) > 2 and not case[0]}


@pytest.mark.parametrize("name", BAD_DATA)
def test_a_failed_partial_fit_leaves_the_model_fitted_before(name, digits, classifier):
    classifier.partial_fit(*digits)
    expected = classifier.predict_proba(digits[0])
    with unchanged(classifier), pytest.raises(ValueError, match=r"\w"):
        classifier.partial_fit(*data_of(name, *digits))
    np.testing.assert_array_equal(classifier.predict_proba(digits[0]), expected)


def test_batch_norm_of_one_sample_is_a_clear_error(digits):
    X, y = digits
    model = make_classifier(batch_norm=True)
    message = r"n_samples=1 is too few for batch normali[sz]ation"
    with unchanged(model), pytest.raises(ValueError, match=message):
        model.fit(X[:1], y[:1])


@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csr_array, sparse.coo_array])
def test_sparse_x_is_scikit_learns_type_error(container, digits, classifier):
    X, y = digits
    model = make_classifier()
    for call in (
        lambda: model.fit(container(X), y),
        lambda: model.partial_fit(container(X), y, classes=range(10)),
        lambda: classifier.predict(container(X)),
    ):
        with unchanged(model), pytest.raises(TypeError, match=r"(?i)sparse"):
            call()


@pytest.mark.parametrize(
    "shape", [(4, 16), (16, 4), (64, 1, 1), (8, 8, 2), (9, 9), (4, 4, 4)], ids=str
)
def test_predicting_images_of_another_shape_is_a_clear_error(shape, digits, classifier):
    other = np.zeros((5, *shape))
    escaped = str(shape).replace("(", r"\(").replace(")", r"\)")
    message = rf"shape {escaped}.*\(8, 8\).*\(n, 8, 8\)"
    with pytest.raises(ValueError, match=message):
        classifier.predict(other)
    with pytest.raises(ValueError, match=message):
        classifier.partial_fit(other, digits[1][:5])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_predicting_what_is_not_finite_is_a_clear_error(value, digits, classifier):
    with pytest.raises(ValueError, match="X contains"):
        classifier.predict(with_value(digits[0], value))


def test_a_point_of_a_grid_that_fails_fails_alone(digits):
    grid = {"filter_size": [3, 9], "learning_rate": [0.01, 1e30]}
    search = GridSearchCV(make_classifier(padding="valid"), grid, cv=2, error_score=np.nan)
    with pytest.warns(Warning, match="fits failed|non-finite") as caught:
        search.fit(*digits)
    assert any("diverged" in str(warning.message) for warning in caught)
    scores = search.cv_results_["mean_test_score"]
    assert np.isnan(scores).tolist() == [False, True, True, True]
    assert search.best_params_ == {"filter_size": 3, "learning_rate": 0.01}


# Regression


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"loss": "hinge"}, "'loss' parameter of ScratchCNNRegressor"),
        ({"scoring": "accuracy"}, "'scoring' parameter of ScratchCNNRegressor"),
        ({"early_stopping": 2}, "'early_stopping' parameter"),
    ],
    ids=str,
)
def test_bad_parameters_of_a_regressor_are_named(change, words, numbers):
    with pytest.raises(ValueError, match=words):
        make_regressor(**change).fit(*numbers)


BAD_TARGETS = {
    "none": (lambda y: None, "requires y to be passed"),
    "NaN": (lambda y: np.where(y > 0, y, np.nan), "Input y contains NaN"),
    "too few": (lambda y: y[:-1], "inconsistent numbers of samples"),
    "three axes": (lambda y: y[:, :, None], "dim 3"),
    "no column": (lambda y: y[:, :0], "feature"),
    "words": (lambda y: np.full(len(y), "a"), "y holds 'a', which is not a real number"),
}


@pytest.mark.parametrize("name", BAD_TARGETS)
def test_bad_targets_are_refused_and_leave_the_regressor(name, numbers, regressor):
    X, y = numbers
    bad, words = BAD_TARGETS[name]
    with unchanged(regressor), pytest.raises(ValueError, match=words):
        regressor.fit(X, bad(y))


def test_targets_out_of_range_are_named(numbers):
    X, y = numbers[0].astype(np.float32), numbers[1][:, 0]
    model = make_regressor().partial_fit(X, y)
    with pytest.raises(ValueError, match=r"y is too far from what the first fit has seen"):
        model.partial_fit(X, y * 1e200)


@pytest.mark.parametrize(
    "name", ["n_filters", "filter_size", "pool_size", "stride", "padding", "hidden_layer_sizes"]
)
def test_sizes_beyond_all_arrays_are_named(name, digits):
    model = ScratchCNNClassifier(**{name: 10**30})
    with pytest.raises(ValueError, match=f"{name}=10+ is too large"):
        model.fit(*digits)


@pytest.mark.parametrize(
    "wrong",
    [
        {"class_weight": {0: 10**400}},
        {"solver__momentum": 10**400},
        {"dropout": 10**400},
        {"label_smoothing": 10**5000},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_integers_of_hundreds_of_digits_are_not_printed(wrong, digits):
    with pytest.raises(ValueError, match=r"an integer of [0-9]+ bits"):
        ScratchCNNClassifier(solver=SGD()).set_params(**wrong).fit(*digits)


def test_a_network_without_room_in_memory_says_how_large_it_is(digits):
    model = ScratchCNNClassifier(n_filters=2**31 - 1, filter_size=8, hidden_layer_sizes=2**31 - 1)
    with pytest.raises(MemoryError, match=r"The network has [0-9.]+e\+\d+ parameters"):
        model.fit(*digits)


@pytest.mark.parametrize("layer", [Conv(2, 3, use_bias="no"), Dense(2, use_bias="no")], ids=str)
def test_a_bias_is_used_or_not(layer, digits):
    layers = [layer] if isinstance(layer, Conv) else [Flatten(), layer]
    with pytest.raises(ValueError, match="use_bias='no' must be True or False"):
        ScratchCNNClassifier(layers=layers).fit(*digits)


def test_an_image_shape_that_is_one_number_in_an_array_is_one_number(digits):
    X, y = digits
    model = ScratchCNNClassifier(2, 3, max_iter=1, image_shape=np.array(64)).fit(X, y)
    assert model.image_shape_ == (64,)


def test_predictions_that_overflow_in_the_units_of_y_name_x(digits):
    X, y = digits
    model = ScratchCNNRegressor(2, 3, max_iter=1).fit(X.reshape(len(X), -1), y * 1e300)
    far = X.reshape(len(X), -1).astype(float)
    far[3, :] = np.linspace(0, 1e18, 64)
    with pytest.raises(ValueError, match=r"X holds a number of magnitude 1e\+18.*sample 3"):
        model.predict(far)


def test_a_list_of_sparse_images_is_named(digits):
    sparse = [csr_matrix(image.reshape(8, 8)) for image in digits[0]]
    with pytest.raises(ValueError, match="X is a list of sparse matrices"):
        ScratchCNNClassifier().fit(sparse, digits[1])
