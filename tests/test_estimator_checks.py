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

from skcnn import ScratchCNNClassifier

VARIANTS = [
    ScratchCNNClassifier(n_filters=8),
    ScratchCNNClassifier(n_filters=(4, 8, 8)),
    ScratchCNNClassifier(hidden_layer_sizes=(16,)),
    ScratchCNNClassifier(activation="tanh"),
    ScratchCNNClassifier(pooling="average"),
    ScratchCNNClassifier(solver="sgd", learning_rate=0.01),
]
KEPT_BY_SCIKIT_LEARN = [
    check_dataframe_column_names_consistency,
    check_param_validation,
    check_inplace_ensure_writeable,
]


def run(check, *arguments):
    """Run a check; one that skips has failed."""
    try:
        check(*arguments)
    except SkipTest as skipped:
        pytest.fail(f"{check} was skipped: {skipped}")


@parametrize_with_checks([ScratchCNNClassifier()])
def test_default_estimator_passes_check_without_skipping(estimator, check):
    run(check, estimator)


@pytest.mark.slow
@parametrize_with_checks(VARIANTS)
def test_variant_passes_check_without_skipping(estimator, check):
    run(check, estimator)


@pytest.mark.parametrize("check", KEPT_BY_SCIKIT_LEARN)
def test_passes_checks_that_scikit_learn_keeps_for_itself(check):
    run(check, "ScratchCNNClassifier", ScratchCNNClassifier())


def test_no_check_is_left_out():
    checks = [check for _, check in estimator_checks_generator(ScratchCNNClassifier())]
    names = {getattr(check, "func", check).__name__ for check in checks}
    assert len(checks) >= 60
    assert names >= {
        "check_classifiers_train",
        "check_sample_weight_equivalence_on_dense_data",
        "check_estimators_partial_fit_n_features",
        "check_methods_sample_order_invariance",
        "check_decision_proba_consistency",
        "check_readonly_memmap_input",
        "check_n_features_in_after_fitting",
    }


def test_tags_ask_for_no_leniency():
    tags = get_tags(ScratchCNNClassifier())
    assert tags.estimator_type == "classifier"
    assert tags.input_tags.two_d_array
    assert tags.classifier_tags.multi_class
    assert not tags.classifier_tags.poor_score
    assert not tags.non_deterministic
    assert not tags.no_validation
    assert not tags._skip_test
