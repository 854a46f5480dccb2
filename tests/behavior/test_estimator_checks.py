"""scikit-learn's checks on the default estimators and on composites of all options."""

from itertools import combinations
from pathlib import Path
from unittest import SkipTest

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_inplace_ensure_writeable,
    check_param_validation,
    estimator_checks_generator,
)

from skcnn import ScratchCNNClassifier, ScratchCNNRegressor
from skcnn.augmentation import Compose, CutMix, Mixup, RandomErasing, Shift
from tests.support.estimators import few_iterations

ESTIMATORS = {"classifier": ScratchCNNClassifier, "regressor": ScratchCNNRegressor}

# A covering array, one composite a column: any two values of different options are together in
# one of them, but for `IMPOSSIBLE`. Four composites take steps, with each of two schedules, two
# averagings and two depths; two are for all samples at once.
DEEP, ERASE = (4, 8, 8), RandomErasing(0.2)
AUGMENT = [Shift(0.1), ERASE]
MIX = Compose([Mixup(0.1), CutMix(probability=0.1)])
OFF = None
# fmt: off
COMPOSITES = {
    "estimator": ("classifier", "classifier", "regressor", "regressor", "classifier", "regressor"),
    "solver": ("sgd", "sgd", "sgd", "sgd", "lbfgs", "lbfgs"),
    "learning_rate_schedule": ("one_cycle", "plateau", "one_cycle", "plateau", OFF, OFF),
    "weight_averaging": ("ema", "swa", "swa", "ema", OFF, OFF),
    "n_filters": (8, 8, DEEP, DEEP, DEEP, 8),
    "hidden_layer_sizes": (16, 16, OFF, 16, OFF, 16),
    "activation": (OFF, "tanh", "tanh", "tanh", "tanh", "tanh"),
    "pooling": ("average", OFF, "average", "average", "average", "average"),
    "max_grad_norm": (1.0, 1.0, 1.0, OFF, OFF, OFF),
    "early_stopping": (True, True, OFF, True, True, True),
    "n_iter_no_change": (3, 3, OFF, 3, 3, 3),
    "scoring": ("accuracy", "accuracy", OFF, OFF, "accuracy", OFF),
    "warm_start": (OFF, True, True, True, OFF, True),
    "batch_norm": (OFF, True, True, True, OFF, OFF),
    "dropout": (0.1, OFF, 0.1, 0.1, OFF, OFF),
    "block_dropout": (0.1, 0.1, OFF, 0.1, OFF, OFF),
    # a shift would move the one column that the checks of regressors depend on
    "augment": (AUGMENT, AUGMENT, [ERASE], OFF, OFF, OFF),
    "label_smoothing": (0.1, 0.1, OFF, OFF, 0.1, OFF),
    "loss": (OFF, OFF, "absolute_error", "absolute_error", OFF, "absolute_error"),
    # no options, but what makes these learn
    "alpha": (OFF, OFF, OFF, OFF, 0.0, 0.01),
    "learning_rate": (0.02, 0.05, 0.05, 0.05, OFF, OFF),
    "batch_size": (10, OFF, 20, 20, OFF, OFF),
    "max_iter": (40, OFF, 30, 30, 15, 20),
}
# fmt: on
OPTIONS = [*COMPOSITES][: [*COMPOSITES].index("alpha")]
IMPOSSIBLE = {
    "lbfgs": {  # takes all samples at once, and asks no schedule
        "max_grad_norm",
        "weight_averaging",
        "batch_norm",
        "dropout",
        "block_dropout",
        "augment",
        "learning_rate_schedule",
    },
    "classifier": {"loss"},
    "regressor": {"label_smoothing", "scoring"},  # the scoring is "accuracy"
    "absolute_error": {"label_smoothing", "scoring"},
}
# What a check cannot hold with, by its own terms. It is run without these options instead.
EXCEPTIONS = {
    # A repeated sample is dropped, shifted or normalized twice, a heavy one once (see the test
    # below), and is split into other parts (see test_held_out) and mini-batches.
    "check_sample_weight_equivalence_on_dense_data": [
        "early_stopping",
        "batch_norm",
        "dropout",
        "block_dropout",
        "augment",
        "batch_size",
    ],
    # It fits one estimator twice and expects the same model (see test_continuing).
    "check_supervised_y_2d": ["warm_start"],
    "check_classifiers_multilabel_representation_invariance": ["warm_start"],
    # It asks for 1000 iterations, which fit every sample whatever it weighs (see test_lbfgs).
    "check_class_weight_classifiers": ["alpha"],
}
KEPT_BY_SCIKIT_LEARN = [
    check_dataframe_column_names_consistency,
    check_param_validation,
    check_inplace_ensure_writeable,
]


def parameters_of(composite):
    column = {name: values[composite] for name, values in COMPOSITES.items()}
    return {name: value for name, value in column.items() if value is not OFF}


def name_of(check):
    return getattr(check, "func", check).__name__


def run(check, *arguments):
    """Run a check; one that skips has failed."""
    try:
        check(*arguments)
    except SkipTest as skipped:
        pytest.fail(f"{check} was skipped: {skipped}")


def cases(estimator, **parameters):
    """Every check of an estimator, its exceptions taken away, by an id that never changes."""
    defaults = ESTIMATORS[estimator]().get_params()
    for number, (model, check) in enumerate(
        estimator_checks_generator(ESTIMATORS[estimator](**parameters))
    ):
        name = name_of(check)
        left_out = {option: defaults[option] for option in EXCEPTIONS.get(name, ())}
        yield pytest.param(
            clone(model).set_params(**left_out), check, id=f"{estimator}-{name}-{number}"
        )


def composite_cases():
    for composite in range(6):
        for case in cases(**parameters_of(composite)):
            yield pytest.param(*case.values, id=f"{composite + 1}-{case.id}")


@pytest.mark.parametrize(("model", "check"), [case for name in ESTIMATORS for case in cases(name)])
def test_default_estimator_passes_check_without_skipping(model, check):
    run(check, model)


@few_iterations
@pytest.mark.filterwarnings("ignore:early_stopping holds out . of")  # fewer than there are classes
@pytest.mark.filterwarnings("ignore:The fit has learned nothing")  # as averages of few steps
@pytest.mark.filterwarnings("ignore:The first call has n_samples=")  # with warm_start
@pytest.mark.slow
@pytest.mark.parametrize(("model", "check"), list(composite_cases()))
def test_composite_passes_check_without_skipping(model, check):
    run(check, model)


EQUIVALENCE = "check_sample_weight_equivalence_on_dense_data"
# Checks that compare with a relative 1e-7, to which float32 does not compute.
PRECISE = {EQUIVALENCE, "check_methods_sample_order_invariance", "check_methods_subset_invariance"}
# Of the two or three columns of some checks, samples standardized by themselves keep too little;
# few epochs find no quantile.
LOSES = pytest.mark.filterwarnings("ignore:The fit has learned nothing")
# Single values, and the checks that cannot hold with them: the table in docs/scikit_learn.md.
VARIANTS = [
    ("classifier", {"dtype": "float32"}, PRECISE),
    ("regressor", {"dtype": "float32"}, PRECISE),
    ("classifier", {"dtype": "float32", "solver": "lbfgs", "max_iter": 20}, PRECISE),
    ("regressor", {"dtype": "float32", "solver": "lbfgs", "max_iter": 20}, PRECISE),
    ("classifier", {"class_weight": "balanced"}, set()),
    ("classifier", {"batch_size": 8}, {EQUIVALENCE}),
    ("regressor", {"early_stopping": True}, {EQUIVALENCE}),
    ("classifier", {"residual": True, "convolutions_per_block": 2, "n_filters": (4, 4)}, set()),
    ("regressor", {"global_pooling": "average", "residual": True}, set()),
    ("classifier", {"standardize": "pixel"}, set()),
    ("regressor", {"standardize": "pixel"}, set()),
    ("classifier", {"standardize": "sample"}, {"check_classifiers_train"}),
    ("regressor", {"standardize": "sample"}, set()),
    ("regressor", {"loss": "huber"}, set()),
    ("regressor", {"loss": "quantile"}, set()),
    ("regressor", {"loss": "log_cosh", "solver": "lbfgs", "max_iter": 20}, set()),
    ("classifier", {"early_stopping": True, "calibrate": True}, {EQUIVALENCE}),
    ("classifier", {"augment": MIX}, {EQUIVALENCE}),
    ("regressor", {"augment": MIX}, {EQUIVALENCE}),
]


@pytest.mark.filterwarnings("ignore:early_stopping holds out . of")  # fewer than there are classes
@few_iterations
@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "check"),
    [
        pytest.param(
            model,
            check,
            id=f"{kind}-{'-'.join(parameters)}-{name_of(check)}-{number}",
            marks=LOSES if {"sample", "quantile"} & set(map(str, parameters.values())) else (),
        )
        for kind, parameters, exceptions in VARIANTS
        for number, (model, check) in enumerate(
            estimator_checks_generator(ESTIMATORS[kind](**parameters))
        )
        if name_of(check) not in exceptions
    ],
)
def test_variant_passes_check_but_for_exceptions_that_are_documented(model, check):
    run(check, model)


def test_exceptions_of_variants_are_documented():
    text = (Path(__file__).parents[2] / "docs/scikit_learn.md").read_text("utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    for _, parameters, exceptions in VARIANTS:
        name = next(iter(parameters))
        for check in exceptions:
            assert any(f"`{name}" in row and f"`{check}`" in row for row in rows), (name, check)


def test_composites_cover_any_two_values():
    composites = [parameters_of(composite) for composite in range(6)]
    values = [
        (name, value)
        for name in OPTIONS
        for value in {str(value): value for value in COMPOSITES[name]}.values()
        if value is not OFF and value != [ERASE]
    ]
    asked = [
        (one, other)
        for one, other in combinations(values, 2)
        if one[0] != other[0]
        and other[0] not in IMPOSSIBLE.get(str(one[1]), ())
        and one[0] not in IMPOSSIBLE.get(str(other[1]), ())
    ]
    assert len(values) == 24
    assert len(asked) > 200
    for pair in asked:
        assert any(
            all(name in made and (name == "augment" or made[name] == value) for name, value in pair)
            for made in composites
        ), pair


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize("check", KEPT_BY_SCIKIT_LEARN)
def test_passes_checks_that_scikit_learn_keeps_for_itself(check, kind):
    run(check, ESTIMATORS[kind].__name__, ESTIMATORS[kind]())


@pytest.mark.parametrize(
    ("kind", "least", "own"),
    [
        ("classifier", 55, {"check_classifiers_train", "check_decision_proba_consistency"}),
        ("regressor", 50, {"check_regressors_train", "check_regressor_multioutput"}),
    ],
)
def test_no_check_is_left_out(kind, least, own):
    names = {name_of(check) for _, check in estimator_checks_generator(ESTIMATORS[kind]())}
    assert len(names) >= least
    assert names >= own | {
        *(name for name in EXCEPTIONS if "classifiers" not in name),
        "check_supervised_y_no_nan",
        "check_estimators_partial_fit_n_features",
        "check_methods_sample_order_invariance",
        "check_readonly_memmap_input",
        "check_n_features_in_after_fitting",
    }


def test_exceptions_name_checks_and_options_that_there_are():
    names = {name_of(check) for _, check in estimator_checks_generator(ScratchCNNClassifier())}
    assert names >= EXCEPTIONS.keys()
    assert all(COMPOSITES.keys() >= set(options) for options in EXCEPTIONS.values())


def test_tags_ask_for_no_leniency():
    for kind, make in ESTIMATORS.items():
        tags = get_tags(make())
        assert tags.estimator_type == kind
        assert tags.input_tags.two_d_array
        assert tags.input_tags.three_d_array
        assert tags.target_tags.required
        assert not tags.non_deterministic
        assert not tags.no_validation
        assert not tags._skip_test
    tags = get_tags(ScratchCNNClassifier())
    assert tags.classifier_tags.multi_class
    assert not tags.classifier_tags.poor_score
    tags = get_tags(ScratchCNNRegressor())
    assert tags.target_tags.multi_output
    assert tags.target_tags.single_output
    assert not tags.regressor_tags.poor_score


@pytest.mark.parametrize(
    "options",
    [
        {"batch_norm": True},
        {"batch_norm": True, "hidden_layer_sizes": (16,)},
        {"dropout": 0.2},
        {"block_dropout": 0.1},
        {"augment": AUGMENT},
        {"augment": MIX},
    ],
    ids=str,
)
def test_why_an_integer_weight_is_not_repetition_with(options):
    """A repeated sample is dropped, shifted or normalized twice, a heavy one once.

    Zero weight is removal nevertheless, which is the other half of the check.
    """
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((15, 10)), np.arange(15) % 3
    weights = rng.integers(0, 3, 15)
    keep = weights > 0

    def probabilities(rows, sample_weight=None, **options):
        model = ScratchCNNClassifier(random_state=0, max_iter=5, **options)
        return model.fit(X[rows], y[rows], sample_weight).predict_proba(X)

    def distance(**options):
        repeated = probabilities(np.repeat(np.arange(15), weights), **options)
        return np.abs(probabilities(slice(None), weights, **options) - repeated).max()

    weighted = probabilities(slice(None), weights, **options)
    assert np.array_equal(weighted, probabilities(keep, weights[keep], **options))
    assert distance(**options) > 1e-4
    assert distance() < 1e-10
