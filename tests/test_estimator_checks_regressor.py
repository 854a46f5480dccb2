"""scikit-learn's checks on the regressor, with its default parameters and with others."""

from unittest import SkipTest

import pytest
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_inplace_ensure_writeable,
    check_param_validation,
    estimator_checks_generator,
    parametrize_with_checks,
)

from skcnn import ScratchCNNRegressor
from skcnn.augmentation import RandomErasing, Shift

REPETITION = "check_sample_weight_equivalence_on_dense_data"
# Where a repeated row is not a heavy row, by the check's own terms: see the tests of the
# classifier, which show why.
COUPLED = {
    "early_stopping": {"early_stopping": True},
    "early_stopping, lbfgs": {"early_stopping": True, "solver": "lbfgs"},
    "batch_norm": {"batch_norm": True},
    "dropout": {"dropout": 0.2},
    "block_dropout": {"block_dropout": 0.1},
    "augment": {"augment": [Shift(0.1), RandomErasing(0.2)]},
}
PLAIN = {
    "absolute_error": {"loss": "absolute_error"},
    "sgd": {"solver": "sgd", "learning_rate": 0.01},
    "lbfgs": {"solver": "lbfgs"},
    "lbfgs, alpha": {"solver": "lbfgs", "alpha": 0.01},
    "weight_averaging": {"weight_averaging": "ema"},
    "hidden layer": {"hidden_layer_sizes": 16},
}


def run(check, *arguments):
    """Run a check; one that skips has failed."""
    try:
        check(*arguments)
    except SkipTest as skipped:
        pytest.fail(f"{check} was skipped: {skipped}")


def name_of(check):
    return getattr(check, "func", check).__name__


@parametrize_with_checks([ScratchCNNRegressor()])
def test_default_estimator_passes_check_without_skipping(estimator, check):
    run(check, estimator)


def cases():
    """Give every check for every variant, but repetition where it cannot hold."""
    for name, parameters in (COUPLED | PLAIN).items():
        for model, check in estimator_checks_generator(ScratchCNNRegressor(**parameters)):
            if not (name in COUPLED and name_of(check) == REPETITION):
                yield pytest.param(model, check, id=f"{name}: {name_of(check)}")


@pytest.mark.slow
@pytest.mark.parametrize(("model", "check"), list(cases()))
def test_variant_passes_check_without_skipping(model, check):
    run(check, model)


@pytest.mark.parametrize(
    "check",
    [
        check_dataframe_column_names_consistency,
        check_param_validation,
        check_inplace_ensure_writeable,
    ],
)
def test_passes_checks_that_scikit_learn_keeps_for_itself(check):
    run(check, "ScratchCNNRegressor", ScratchCNNRegressor())


def test_no_check_is_left_out():
    names = {name_of(check) for _, check in estimator_checks_generator(ScratchCNNRegressor())}
    assert len(names) >= 50
    assert names >= {
        "check_regressors_train",
        "check_regressor_multioutput",
        "check_supervised_y_2d",
        "check_supervised_y_no_nan",
        REPETITION,
        "check_estimators_partial_fit_n_features",
        "check_methods_sample_order_invariance",
    }


def test_tags_ask_for_no_leniency():
    tags = get_tags(ScratchCNNRegressor())
    assert tags.estimator_type == "regressor"
    assert tags.input_tags.two_d_array
    assert tags.target_tags.multi_output
    assert tags.target_tags.single_output
    assert tags.target_tags.required
    assert not tags.regressor_tags.poor_score
    assert not tags.non_deterministic
    assert not tags.no_validation
