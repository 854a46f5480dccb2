"""Anything may be asked of an estimator, in any order: it answers, or says why and stays as it was.

`python -m pytest tests/fuzz --hypothesis-profile=thorough` does it twenty thousand times.
"""

import copy
import pickle
import re
import warnings
from contextlib import contextmanager
from types import FunctionType

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit

from skcnn import ScratchCNNClassifier, ScratchCNNRegressor
from skcnn.augmentation import (
    Compose,
    CutMix,
    HorizontalFlip,
    Mixup,
    RandomErasing,
    Rotation,
    Shift,
)
from skcnn.layers import BatchNorm, Conv, Dense, Flatten, ReLU, Tanh
from skcnn.losses import Quantile
from skcnn.optimizers import SGD, Adam
from skcnn.schedules import Cosine, OneCycle, Plateau
from skcnn.weight_averaging import ExponentialMovingAverage, StochasticWeightAveraging

HUGE, HALF, DIVERGING = 10**400, np.float16(0.5), [1e8, 1e300]

COUNTS = [1, 2, 3, (2, 3), [2], np.int64(2), 0, -1, 2.0, "2", None, (), (0,), True, HUGE]
RATES = [1e-3, 0.1, 1, 0, -1, *DIVERGING, HUGE, np.nan, np.inf, "0.1", None, np.float32(0.01)]
FRACTIONS = [0, 0.2, 0.9, 1, -0.1, 1.5, np.nan, "0.2", None, HALF]
FLAGS = [True, False, np.True_, 1, "yes", None]

# Values of every public parameter, right and wrong.
VALUES = {
    "n_filters": [*COUNTS, "auto"],
    "filter_size": [*COUNTS, 50, (2, 2), (3, 3, 3), "auto"],
    "pool_size": ["auto", *COUNTS, 50, (1, 2)],
    "pooling": ["max", "average", "mean", None],
    "padding": ["same", "valid", 0, 1, (1, 0), -1, "full", None],
    "stride": COUNTS,
    "hidden_layer_sizes": [(), 3, (4, 2), [3], 0, (0,), "3", None, np.array([3, 2])],
    "activation": ["relu", "tanh", "logistic", Tanh(), ReLU, "sigmoid", None],
    "dropout": [*FRACTIONS, "auto"],
    "layers": [
        None,
        [],
        (Conv(2, 2), ReLU(), Flatten()),
        [Conv(2, 2), BatchNorm(), Flatten(), Dense(3)],
        [Flatten(), Conv(2, 2)],
        ["conv"],
        "resnet1d",
        "lenet",
        3,
    ],
    "block_dropout": FRACTIONS,
    "batch_norm": [*FLAGS, "auto"],
    "global_pooling": [None, "average", "max", "auto", "min", True],
    "residual": FLAGS,
    "convolutions_per_block": [1, 2, (1,), (2, 1), np.int64(2), 0, -1, 1.5, "two", None],
    "augment": [
        None,
        Mixup(),
        [Shift(1), CutMix()],
        Shift(1),
        HorizontalFlip(),
        Rotation(20),
        RandomErasing(),
        Compose([Shift(1)]),
        [HorizontalFlip()],
        lambda x, rng: x,
        lambda x, rng: x * np.nan,
        "flip",
        Shift(50),
    ],
    "channels": ["last", "first", "middle", None],
    "image_shape": [None, (4, 4), (16,), (2, 4, 2), 16, (3, 5), (2, 2, 2, 2), (), "4x4", -4],
    "standardize": [*FLAGS, "channel", "pixel", "sample"],
    "dtype": ["auto", "float32", "float64", np.float32, np.int64, "float16", None],
    "solver": ["adam", "sgd", "lbfgs", SGD(momentum=0.5), Adam(beta_2=0.9), Adam, "newton", None],
    "learning_rate": RATES,
    "learning_rate_schedule": [
        "constant",
        "cosine",
        "one_cycle",
        "plateau",
        Cosine(),
        OneCycle(),
        Plateau(patience=1),
        lambda step: 1.0,
        lambda step: np.nan,
        "linear",
        None,
    ],
    "alpha": RATES,
    "max_grad_norm": RATES,
    "weight_averaging": [
        None,
        "ema",
        "swa",
        ExponentialMovingAverage(),
        StochasticWeightAveraging(),
        "mean",
        3,
    ],
    "label_smoothing": FRACTIONS,
    "loss": [
        "cross_entropy",
        "squared_error",
        "absolute_error",
        "huber",
        "poisson",
        Quantile((0.2, 0.7)),
        "hubert",
        None,
    ],
    "nan_targets": ["error", "ignore", "drop", None],
    "batch_size": ["auto", 1, 2, 5, 1000, np.int32(3), 0, -1, 2.5, "all", HUGE],
    "max_iter": [1, 2, np.int64(2), "auto", 0, -1, 1.5, None],
    "shuffle": FLAGS,
    "tol": [None, 0, 1e-3, 10.0, -1, np.nan, HUGE],
    "n_iter_no_change": [1, 2, 0, 1.5, None],
    "early_stopping": FLAGS,
    "validation_fraction": [*FRACTIONS, KFold(3), ShuffleSplit(test_size=0.3), GroupKFold(2)],
    "scoring": [
        ["loss", "accuracy"],
        {"mine": "r2"},
        ["best"],
        "loss",
        "accuracy",
        "f1_macro",
        "r2",
        "roc_auc",
        "neg_log_loss",
        "best",
        None,
    ],
    "calibrate": FLAGS,
    "class_weight": [
        None,
        "balanced",
        {0: 2.0},
        {0: 0, 1: 1},
        {"a": 1},
        {9: 1},
        "heavy",
        {0: -1},
        [{0: 2}] * 3,
    ],
    "warm_start": FLAGS,
    "n_jobs": [None, 1, 2, -1, 0, 1.5, "2"],
    "random_state": [0, None, 7, np.random.RandomState(1), -1, "seed", 1.5],
    "verbose": [0, False, -1, "no"],
}
ORIGINS = ["noise", "constant", "bytes", "huge", "tiny", "NaN", "infinity", "text"]
FORMS = ["flat", "shaped", "list", "frame", "sparse", "Fortran", "strided", "1-D"]
LABELS = ["numbers", "strings", "booleans", "one class", "NaN", "mixed", "2-D", "sets", "short"]
WEIGHTS = ["none", "any", "some zeros", "all zeros", "negative", "NaN", "wide"]


def numbers_of(kind, n, rng):
    """Return n samples of sixteen numbers."""
    X = rng.standard_normal((n, 16))
    if kind == "constant":
        return np.ones_like(X)
    if kind == "bytes":
        return rng.integers(0, 256, X.shape, dtype=np.uint8)
    if kind in ("huge", "tiny"):
        return X * (1e30 if kind == "huge" else 1e-30)
    if kind in ("NaN", "infinity"):
        X[0, 0] = np.nan if kind == "NaN" else np.inf
    return X.astype(str) if kind == "text" else X.astype(rng.choice(["f4", "f8"]))


def in_form(X, form):
    """Return the samples as users hold them."""
    ways = {
        "shaped": lambda: X.reshape(len(X), 4, 4),
        "list": X.tolist,
        "frame": lambda: pd.DataFrame(X, columns=[f"c{i}" for i in range(X.shape[1])]),
        "sparse": lambda: sparse.csr_array(X) if X.dtype.kind != "U" else X,
        "Fortran": lambda: np.asfortranarray(X),
        "strided": lambda: np.repeat(X, 2, axis=1)[:, ::2],
        "1-D": lambda: X[:, 0],
    }
    return ways.get(form, lambda: X)()


def targets_of(kind, n, rng, *, classes):
    """Return n labels, or numbers."""
    y = rng.integers(0, 3, n) if classes else rng.standard_normal(n)
    ways = {
        "strings": lambda: np.array(["a", "b", "c"])[rng.integers(0, 3, n)],
        "booleans": lambda: y > 0,
        "one class": lambda: np.zeros(n, int),
        "NaN": lambda: np.where(np.arange(n) == 0, np.nan, y),
        "mixed": lambda: [None, "a", *y[2:].tolist()],
        "2-D": lambda: np.column_stack([y, y]),
        "sets": lambda: rng.integers(0, 2, (n, 3)),
        "short": lambda: y[:-1],
    }
    return ways.get(kind, lambda: y)()


def weights_of(kind, n, rng):
    """Return what is passed as sample_weight."""
    weights = rng.uniform(0, 2, n)
    ways = {
        "none": lambda: None,
        "some zeros": lambda: np.where(np.arange(n) % 2, weights, 0),
        "all zeros": lambda: np.zeros(n),
        "negative": lambda: -weights,
        "NaN": lambda: np.where(np.arange(n), weights, np.nan),
        "wide": lambda: 10.0 ** rng.uniform(-300, 300, n),
    }
    return ways.get(kind, lambda: weights)()


@st.composite
def data_sets(draw):
    """Describe data with which at most one thing is unusual."""
    case = {"origin": "noise", "form": "flat", "labels": "numbers", "weights": "none", "n": 24}
    unusual = {
        "origin": ORIGINS,
        "form": FORMS,
        "labels": LABELS,
        "weights": WEIGHTS,
        "n": [12, 3, 2, 1, 0],
    }
    for what in draw(st.sampled_from([(), *((name,) for name in unusual), tuple(unusual)])):
        case[what] = draw(st.sampled_from(unusual[what]))
    return case | {"seed": draw(st.integers(0, 2**31 - 1))}


# An error says what is wrong with what: a parameter, an argument, or what scikit-learn calls it.
NAMED = re.compile(
    rf"""\b({"|".join(VALUES)}|X|y|X_val|y_val|sample_weight|classes|features?|samples?|array|labels
    |input|Input|fit|fitted|filter|Augmentation|Training|columns|sequence|arrays|weights
    |convert|y_true|label|targets|max_shift)\b""",
    re.VERBOSE,
)
TINY = {"n_filters": 2, "filter_size": 2, "max_iter": 1, "random_state": 0}


@contextmanager
def numbers_quiet():
    """Let warnings of all kinds pass, but not those of NumPy about numbers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", RuntimeWarning)
        yield


class AnyOrder(RuleBasedStateMachine):
    """Calls of the public methods of one estimator, with anything as arguments."""

    kind = ScratchCNNClassifier

    @initialize()
    def make(self):
        self.model = self.kind(**TINY)
        self.data = None  # of the last fit that ended well

    def attempt(self, work):
        """Return work(model); after an error the model must be as it was."""
        model = self.model
        before, content = vars(model).copy(), self.content()
        try:
            with numbers_quiet():
                return work(model)
        except (ValueError, TypeError, AttributeError) as error:
            message = f"{error} {error.__cause__}"
        assert NAMED.search(message), message
        assert vars(model).keys() == before.keys()
        assert all(vars(model)[name] is value for name, value in before.items())
        assert self.content() == content
        return None

    def content(self):
        """Return what a failed call could have overwritten."""
        network = getattr(self.model, "network_", None)
        if network is None:
            return None
        history = [tuple(record) for record in self.model.history_]
        return network.parameters.tobytes(), network.state.tobytes(), history

    def drawn(self, case):
        """Return X, y and weights."""
        rng = np.random.default_rng(case["seed"])
        n = case["n"]
        X = in_form(numbers_of(case["origin"], n, rng) if n else np.empty((0, 16)), case["form"])
        classes = self.kind is ScratchCNNClassifier
        y = targets_of(case["labels"] if n > 2 else "numbers", n, rng, classes=classes)
        return X, y, weights_of(case["weights"], n, rng)

    @rule(data=st.data(), afresh=st.booleans())
    def set_parameter(self, data, afresh):
        if afresh:  # not all later fits shall fail
            self.model.set_params(**(self.kind().get_params(deep=False) | TINY))
        names = sorted(self.model.get_params(deep=False))
        name = data.draw(st.sampled_from(names))
        value = data.draw(st.sampled_from(VALUES[name]))
        self.model.set_params(**{name: value})

    @rule(case=data_sets(), validated=st.booleans())
    def fit(self, case, validated):
        X, y, weights = self.drawn(case)
        validation = {"X_val": X, "y_val": y} if validated else {}
        if self.attempt(lambda model: model.fit(X, y, weights, **validation)) is not None:
            self.data = X
            assert self.model.n_iter_ == len(self.model.loss_curve_) >= 1

    @rule(case=data_sets())
    def partial_fit(self, case):
        X, y, weights = self.drawn(case)
        classes = {"classes": [0, 1, 2]} if self.kind is ScratchCNNClassifier else {}

        def work(model):
            return model.partial_fit(X, y, sample_weight=weights, **classes)

        if self.attempt(work) is not None:
            self.data = X

    @rule(case=data_sets())
    def predict(self, case):
        X, y, weights = self.drawn(case)
        answers = self.attempt(lambda model: model.predict(X))
        if answers is not None:
            assert len(answers) == case["n"]
            self.check(answers, self.attempt(lambda model: model.score(X, y, weights)))

    @rule(way=st.sampled_from(["pickle", "deepcopy", "clone"]))
    def replace(self, way):
        if way == "clone":
            self.model = self.attempt(clone) or self.model
            self.data = None if not hasattr(self.model, "network_") else self.data
            return
        parameters = self.model.get_params(deep=False).values()
        if way == "pickle" and any(isinstance(value, FunctionType) for value in parameters):
            return  # these have no name to be found by
        self.model = (
            copy.deepcopy(self.model)
            if way == "deepcopy"
            else pickle.loads(pickle.dumps(self.model))
        )

    @invariant()
    def fitted_model_answers(self):
        if getattr(self, "data", None) is None or not hasattr(self.model, "network_"):
            return
        model = self.model
        assert model.n_features_in_ == np.prod(model.image_shape_)
        assert np.isfinite(model.network_.parameters).all()
        assert np.isfinite(model.network_.state).all()
        with numbers_quiet():
            repr(model)
            jobs = model.n_jobs
            model.set_params(n_jobs=None)  # the value that a rule has set may be wrong
            try:
                self.check(model.predict(self.data))
            finally:
                model.set_params(n_jobs=jobs)

    def check(self, answers, score=0.0):
        """Assert that predictions are classes, or finite numbers."""
        model = self.model
        if self.kind is ScratchCNNClassifier:
            assert np.isin(answers, model.classes_).all()
            with numbers_quiet():
                P = model.predict_proba(self.data)
            assert np.isfinite(P).all()
            if answers.ndim == 1:  # not several labels a sample
                np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-5)
        else:
            assert np.isfinite(answers).all()
        assert score is None or np.isfinite(score) or len(answers) < 2


class AnyOrderRegressor(AnyOrder):
    kind = ScratchCNNRegressor


@pytest.mark.parametrize("machine", [AnyOrder, AnyOrderRegressor])
def test_every_public_parameter_has_values(machine):
    assert machine.kind().get_params(deep=False).keys() <= VALUES.keys()


@pytest.mark.slow
@pytest.mark.parametrize("part", range(2))
@pytest.mark.parametrize("machine", [AnyOrder, AnyOrderRegressor])
def test_any_call_in_any_order_answers_or_says_why(machine, part):
    run_state_machine_as_test(
        machine, settings=settings(stateful_step_count=10, phases=[Phase.generate])
    )
