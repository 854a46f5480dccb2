import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import sparse
from sklearn.model_selection import GridSearchCV

from skcnn import ScratchCNNClassifier
from skcnn._estimator import train
from skcnn.layers import Conv, Dense, Flatten, Layer, MaxPool
from skcnn.optimizers import SGD


def one_hot(y):
    return np.eye(10)[y]


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
    "X without rows": ({}, r"0 sample", lambda X: X[:0]),
    "X without columns": ({}, r"0 feature", lambda X: X[:, :0]),
    "X of fewer rows than y": ({}, "inconsistent numbers of samples", lambda X: X[:-1]),
    "one-hot y": ({}, r"y has shape \(300, 10\).*argmax\(axis=1\)", None, one_hot),
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


@pytest.fixture
def assert_untouched():
    """Return a function that notes the state of an estimator and returns one that compares."""

    def note(model):
        attributes, content = vars(model).copy(), pickle.dumps(model)

        def compare():
            assert vars(model).keys() == attributes.keys()
            assert all(vars(model)[name] is value for name, value in attributes.items())
            assert pickle.dumps(model) == content

        return compare

    return note


def attempt(model, method, X, y, classes):
    if method == "fit":
        model.fit(X, y)
    else:
        model.partial_fit(X, y, classes=classes)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("name", CASES)
def test_errors_say_what_is_wrong_and_leave_an_unfitted_model_unfitted(
    name, method, digits, make_classifier, assert_untouched
):
    parameters, message, *spoil = CASES[name]
    spoil_X, spoil_y = (*spoil, None, None)[:2]
    X, y = digits
    model = make_classifier(**{"n_filters": 2} | parameters)
    compare = assert_untouched(model)
    with pytest.raises(ValueError, match=f"(?s){message}"):
        attempt(
            model, method, spoil_X(X) if spoil_X else X, spoil_y(y) if spoil_y else y, range(10)
        )
    compare()


@pytest.fixture(scope="module")
def fitted(digits):
    """A pickled model that has been fitted and trained on."""
    model = ScratchCNNClassifier(n_filters=3, max_iter=1, batch_size=50, random_state=0)
    return pickle.dumps(model.fit(*digits).partial_fit(*digits))


@pytest.mark.parametrize("name", CASES)
def test_a_failed_fit_leaves_the_model_fitted_before(name, digits, fitted, assert_untouched):
    parameters, message, *spoil = CASES[name]
    spoil_X, spoil_y = (*spoil, None, None)[:2]
    X, y = digits
    model = pickle.loads(fitted)
    expected = model.predict_proba(X)
    model.set_params(**{"n_filters": 2} | parameters)
    compare = assert_untouched(model)
    with pytest.raises(ValueError, match=f"(?s){message}"):
        model.fit(spoil_X(X) if spoil_X else X, spoil_y(y) if spoil_y else y)
    compare()
    np.testing.assert_array_equal(model.predict_proba(X), expected)


BAD_DATA = {name: case for name, case in CASES.items() if len(case) > 2 and not case[0]}


@pytest.mark.parametrize("name", BAD_DATA)
def test_a_failed_partial_fit_leaves_the_model_fitted_before(
    name, digits, fitted, assert_untouched
):
    spoil_X, spoil_y = (*BAD_DATA[name][2:], None)[:2]
    X, y = digits
    model = pickle.loads(fitted)
    expected = model.predict_proba(X)
    compare = assert_untouched(model)
    with pytest.raises(ValueError, match=r"\w"):
        model.partial_fit(spoil_X(X) if spoil_X else X, spoil_y(y) if spoil_y else y)
    compare()
    np.testing.assert_array_equal(model.predict_proba(X), expected)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csr_array, sparse.coo_array])
def test_sparse_x_is_scikit_learns_type_error(
    container, method, digits, make_classifier, assert_untouched
):
    X, y = digits
    model = make_classifier()
    compare = assert_untouched(model)
    with pytest.raises(TypeError, match=r"(?i)sparse"):
        attempt(model, method, container(X), y, range(10))
    compare()
    model.fit(X, y)
    with pytest.raises(TypeError, match=r"(?i)sparse"):
        model.predict(container(X))


@pytest.mark.parametrize("shape", [(4, 16), (16, 4), (64, 1, 1), (8, 8, 2), (9, 9), (4, 4, 4)])
def test_predicting_images_of_another_shape_is_a_clear_error(shape, digits, make_classifier):
    X, y = digits
    model = make_classifier().fit(X, y)
    other = np.zeros((5, *shape))
    with pytest.raises(ValueError, match=rf"shape {re_escape(shape)}.*\(8, 8\).*\(n, 8, 8\)"):
        model.predict(other)
    with pytest.raises(ValueError, match=rf"shape {re_escape(shape)}.*\(8, 8\).*\(n, 8, 8\)"):
        model.partial_fit(other, y[:5])


def re_escape(shape):
    return str(shape).replace("(", r"\(").replace(")", r"\)")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_predicting_what_is_not_finite_is_a_clear_error(value, digits, make_classifier):
    model = make_classifier().fit(*digits)
    with pytest.raises(ValueError, match="X contains"):
        model.predict(with_value(digits[0], value))


# Training that fails on its way


@dataclass(frozen=True)
class Failing(SGD):
    """SGD that raises an error, or spoils the parameters, at one step."""

    at: int = 0
    error: type[BaseException] | None = KeyboardInterrupt
    counter: str = "steps"

    def step(self, state, parameters, gradient, learning_rate):
        COUNTS[self.counter] = COUNTS.get(self.counter, 0) + 1
        if COUNTS[self.counter] == self.at:
            if self.error is not None:
                raise self.error
            parameters[-1] = np.nan
        super().step(state, parameters, gradient, learning_rate)


COUNTS = {}


@pytest.fixture(autouse=True)
def no_steps_yet():
    COUNTS.clear()


STEPS = 10  # of one epoch: 300 rows in batches of 32


@pytest.mark.parametrize("epoch", [1, 3])
def test_a_loss_that_becomes_nan_names_epoch_and_learning_rate(
    epoch, digits, make_classifier, assert_untouched
):
    model = make_classifier(
        solver=Failing(at=(epoch - 1) * STEPS + 2, error=None), max_iter=5, learning_rate=0.0125
    )
    compare = assert_untouched(model)
    with pytest.raises(ValueError, match=rf"NaN.*epoch {epoch} with learning_rate=0\.0125"):
        model.fit(*digits)
    compare()


def test_parameters_that_become_nan_at_the_last_step_are_noticed(digits, make_classifier):
    model = make_classifier(solver=Failing(at=2 * STEPS, error=None), max_iter=2)
    with pytest.raises(ValueError, match="epoch 2"):
        model.fit(*digits)
    assert not hasattr(model, "network_")


def test_partial_fit_that_diverges_counts_epochs_on(digits, make_classifier, assert_untouched):
    model = make_classifier(solver=Failing(at=2 * STEPS + 1, error=None))
    model.partial_fit(*digits, classes=range(10)).partial_fit(*digits)
    expected, compare = model.predict_proba(digits[0]), assert_untouched(model)
    with pytest.raises(ValueError, match="epoch 3"):
        model.partial_fit(*digits)
    compare()
    np.testing.assert_array_equal(model.predict_proba(digits[0]), expected)


@pytest.mark.parametrize("error", [MemoryError, RuntimeError, SystemExit])
@pytest.mark.parametrize("step", [1, STEPS + 3])
def test_any_other_error_leaves_the_model_as_it_was(
    step, error, digits, make_classifier, assert_untouched
):
    model = make_classifier(solver=Failing(at=step, error=error))
    compare = assert_untouched(model)
    with pytest.raises(error):
        model.fit(*digits)
    compare()
    COUNTS.clear()
    model.set_params(solver=Failing(at=STEPS + step, error=error))
    model.partial_fit(*digits, classes=range(10))
    if step == 1:
        compare = assert_untouched(model)
        with pytest.raises(error):
            model.partial_fit(*digits)
        compare()


def test_an_error_in_a_layer_of_ones_own_leaves_the_model_as_it_was(
    digits, make_classifier, assert_untouched
):
    @dataclass(frozen=True)
    class Broken(Layer):
        def forward(self, parameters, x, workspace, *, training):
            raise RuntimeError("broken")

    model = make_classifier().fit(*digits).set_params(layers=[Broken()])
    attributes = vars(model).copy()
    with pytest.raises(RuntimeError, match="broken"):
        model.fit(*digits)
    assert vars(model) == attributes


def test_a_point_of_a_grid_that_fails_fails_alone(digits, make_classifier):
    X, y = digits
    grid = {"filter_size": [3, 9], "learning_rate": [0.01, 1e30]}
    search = GridSearchCV(make_classifier(padding="valid"), grid, cv=2, error_score=np.nan)
    with pytest.warns(Warning, match="fits failed|non-finite") as caught:
        search.fit(X, y)
    assert any("diverged" in str(warning.message) for warning in caught)
    scores = search.cv_results_["mean_test_score"]
    assert np.isnan(scores).tolist() == [False, True, True, True]
    assert search.best_params_ == {"filter_size": 3, "learning_rate": 0.01}


# Ctrl-C


@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("step", [1, STEPS])
def test_ctrl_c_in_the_first_epoch_leaves_the_model_as_it_was(
    step, fitted, digits, make_classifier, assert_untouched
):
    model = make_classifier()
    if fitted:
        model.fit(*digits)
        expected = model.predict_proba(digits[0])
    model.set_params(solver=Failing(at=step), max_iter=3)
    compare = assert_untouched(model)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*digits)
    compare()
    if fitted:
        np.testing.assert_array_equal(model.predict_proba(digits[0]), expected)


@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("epochs", [1, 3])
@pytest.mark.parametrize("step", [1, 2, STEPS])
def test_ctrl_c_leaves_the_model_of_the_last_finished_epoch(
    step, epochs, fitted, digits, make_classifier, assert_same_bits
):
    X, y = digits
    parameters = {"dropout": 0.2, "alpha": 0.1}
    expected = make_classifier(**parameters, solver=Failing(counter="other"), max_iter=epochs)
    expected.fit(X, y)
    model = make_classifier(**parameters)
    if fitted:
        model.fit(X[y < 5], y[y < 5])
    model.set_params(solver=Failing(at=epochs * STEPS + step), max_iter=6)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert_same_bits(model, expected, X)
    assert model.n_iter_ == len(model.history_) == len(model.loss_curve_) == epochs
    assert model.loss_ == expected.loss_
    assert vars(model).keys() == vars(expected).keys()
    # and it goes on in the same way
    assert_same_bits(model.partial_fit(X, y), expected.partial_fit(X, y), X)


@pytest.mark.parametrize("epochs", [1, 2])
def test_ctrl_c_while_an_epoch_is_being_reported_leaves_a_consistent_model(
    epochs, digits, make_classifier, assert_same_bits, monkeypatch
):
    lines = []

    def interrupted(*arguments):
        lines.append(arguments)
        if len(lines) == epochs + 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(train, "print", interrupted, raising=False)
    model = make_classifier(max_iter=5, verbose=1)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*digits)
    assert model.n_iter_ == len(model.history_) == len(model.loss_curve_)
    assert model.n_iter_ in (epochs, epochs + 1)  # that epoch was finished, or does not count
    expected = make_classifier(max_iter=model.n_iter_).fit(*digits)
    assert model.loss_ == expected.loss_
    assert_same_bits(model, expected, digits[0])


@pytest.mark.parametrize("step", [1, 2, STEPS])
@pytest.mark.parametrize("calls", [0, 1, 2])
def test_ctrl_c_in_partial_fit_leaves_the_model_as_it_was(
    calls, step, digits, make_classifier, assert_untouched, assert_same_bits
):
    X, y = digits
    model = make_classifier(solver=Failing(at=calls * STEPS + step), dropout=0.2)
    expected = make_classifier(solver=Failing(counter="other"), dropout=0.2)
    for _ in range(calls):
        model.partial_fit(X, y, classes=range(10))
        expected.partial_fit(X, y, classes=range(10))
    compare = assert_untouched(model)
    with pytest.raises(KeyboardInterrupt):
        model.partial_fit(X, y, classes=range(10))
    compare()
    # the interrupted call can be made again
    model.partial_fit(X, y, classes=range(10))
    assert_same_bits(model, expected.partial_fit(X, y, classes=range(10)), X)


def test_ctrl_c_at_the_end_of_partial_fit_is_not_swallowed(
    digits, make_classifier, assert_untouched, monkeypatch
):
    model = make_classifier().partial_fit(*digits, classes=range(10))
    compare = assert_untouched(model)

    def interrupted(self, loss):
        raise KeyboardInterrupt

    monkeypatch.setattr(train.Patience, "is_over", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.partial_fit(*digits)
    compare()
