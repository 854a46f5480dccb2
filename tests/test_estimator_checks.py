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
    ScratchCNNClassifier(learning_rate_schedule="one_cycle"),
    ScratchCNNClassifier(learning_rate_schedule="plateau"),
    ScratchCNNClassifier(max_grad_norm=1.0),
    ScratchCNNClassifier(solver="lbfgs"),
    ScratchCNNClassifier(solver="lbfgs", alpha=0.01),
    ScratchCNNClassifier(weight_averaging="ema"),
    ScratchCNNClassifier(weight_averaging="swa"),
]
# What a check's own terms leave out, by name. test_early_stopping, test_continuing and
# test_lbfgs show why.
VARIANTS_WITH_EXCEPTIONS = [
    # the check fits fewer rows of larger weight and repeated rows, which a split parts differently
    (
        ScratchCNNClassifier(early_stopping=True),
        {"check_sample_weight_equivalence_on_dense_data"},
    ),
    (
        ScratchCNNClassifier(early_stopping=True, scoring="accuracy", n_iter_no_change=3),
        {"check_sample_weight_equivalence_on_dense_data"},
    ),
    (
        ScratchCNNClassifier(solver="lbfgs", early_stopping=True),
        {"check_sample_weight_equivalence_on_dense_data"},
    ),
    # the check asks for 1000 iterations, which fit every row whatever it weighs
    (ScratchCNNClassifier(solver="lbfgs", alpha=0.0), {"check_class_weight_classifiers"}),
    # the check fits one estimator twice and expects the same model
    (ScratchCNNClassifier(warm_start=True), {"check_supervised_y_2d"}),
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


def name_of(check):
    return getattr(check, "func", check).__name__


def checks_that_hold():
    for number, (variant, exceptions) in enumerate(VARIANTS_WITH_EXCEPTIONS):
        for estimator, check in estimator_checks_generator(variant):
            if name_of(check) not in exceptions:
                yield pytest.param(estimator, check, id=f"{number}-{name_of(check)}")


@pytest.mark.slow
@pytest.mark.parametrize(("estimator", "check"), [*checks_that_hold()])
def test_variant_passes_every_check_that_is_not_named(estimator, check):
    run(check, estimator)


def test_exceptions_name_checks_that_there_are():
    for variant, exceptions in VARIANTS_WITH_EXCEPTIONS:
        names = {name_of(check) for _, check in estimator_checks_generator(variant)}
        assert exceptions <= names
        assert len(names) >= 55


@pytest.mark.parametrize("check", KEPT_BY_SCIKIT_LEARN)
def test_passes_checks_that_scikit_learn_keeps_for_itself(check):
    run(check, "ScratchCNNClassifier", ScratchCNNClassifier())


def test_no_check_is_left_out():
    checks = [check for _, check in estimator_checks_generator(ScratchCNNClassifier())]
    names = {name_of(check) for check in checks}
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
