import pickle
from math import inf, nan

import numpy as np
import pytest

from skcnn.schedules import (
    SCHEDULES,
    Constant,
    Cosine,
    OneCycle,
    PerStep,
    Plateau,
    Schedule,
    as_schedule,
    checked_factor,
)

FRACTIONS = np.linspace(0, 1, 41)


def factors(schedule, fractions=FRACTIONS):
    return [schedule.factor(schedule.start(), 7, fraction) for fraction in fractions]


def test_constant_is_one_and_the_cosine_falls_to_zero():
    assert factors(Constant()) == [1.0] * 41
    got = factors(Cosine())
    np.testing.assert_allclose(got, (1 + np.cos(np.pi * FRACTIONS)) / 2, atol=1e-15)
    assert (got[0], got[20]) == (1.0, pytest.approx(0.5))
    assert got == sorted(got, reverse=True)


def test_warming_up_is_a_straight_line_and_the_cosine_has_what_is_left():
    got = factors(Cosine(warm_up=0.25))
    np.testing.assert_allclose(got[:11], np.linspace(0.1, 1, 11))
    np.testing.assert_allclose(got[10:], factors(Cosine(), np.linspace(0, 1, 31)), atol=1e-15)


def test_one_cycle_rises_and_falls_along_half_cosines():
    got = factors(OneCycle(rise=0.25, first=0.1, last=0.01))
    falling = (1 + np.cos(np.pi * np.linspace(0, 1, 31))) / 2
    np.testing.assert_allclose(got[10:], 0.01 + 0.99 * falling, rtol=1e-12)
    np.testing.assert_allclose(got[:11], 1 - 0.9 * falling[::3], rtol=1e-12)
    assert got[10] == 1.0


@pytest.mark.parametrize("schedule", [Cosine(), Cosine(0.5), OneCycle()])
def test_without_an_end_in_sight_the_factor_is_one(schedule):
    assert schedule.factor({}, 3, None) == 1.0


def told(schedule, scores):
    """Factor before the first epoch and after each score."""
    state, got = schedule.start(), []
    for score in scores:
        got.append(schedule.factor(state, 0, None))
        schedule.after_epoch(state, score)
    return [*got, schedule.factor(state, 0, None)]


def test_plateau_counts_epochs_without_a_better_score_exactly():
    schedule = Plateau(reduction=0.5, patience=2, tol=0)
    assert told(schedule, [1, 2, 2, 2, 2, 2]) == [1, 1, 1, 1, 0.5, 0.5, 0.25]
    assert told(schedule, [1, 0, 2, 1, 3]) == [1] * 6
    assert told(schedule, [-inf, -inf]) == [1, 1, 0.5]


def test_plateau_compares_with_the_best_by_more_than_tol_and_has_a_lowest_factor():
    schedule = Plateau(reduction=0.5, patience=1, tol=0.5)
    assert told(schedule, [1, 1.5, 2.25, 2.5]) == [1, 1, 0.5, 0.5, 0.25]
    assert told(Plateau(0.1, 1, lowest=0.05), [0, 0, 0, 0]) == [1, 1, 0.1, 0.05, 0.05]


def test_the_state_of_plateau_can_be_saved():
    schedule, state = Plateau(), Plateau().start()
    for score in (3.0, 2.0, 1.0):
        schedule.after_epoch(state, score)
    again = pickle.loads(pickle.dumps(state))
    schedule.after_epoch(state, 0.0)
    schedule.after_epoch(again, 0.0)
    assert again == state
    assert schedule.factor(state, 0, None) == 0.5


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("constant", Constant()),
        ("cosine", Cosine()),
        ("one_cycle", OneCycle()),
        ("plateau", Plateau()),
        (Cosine(0.1), Cosine(0.1)),
        (float, PerStep(float)),
    ],
)
def test_names_instances_and_functions_become_schedules(given, expected):
    assert as_schedule(given) == expected


def test_schedules_are_values():
    for kind in SCHEDULES.values():
        assert pickle.loads(pickle.dumps(kind())) == kind()
        assert len({kind(), kind()}) == 1


@pytest.mark.parametrize("value", [nan, inf, -0.1, None, "1", 1j, np.array([1.0, 2.0])])
def test_a_factor_that_makes_no_sense_is_a_clear_error(value):
    schedule = PerStep(lambda step: value)
    with pytest.raises(ValueError, match=r"learning_rate_schedule.*after 5 steps.*at least 0"):
        checked_factor(schedule, {}, 5, None)


@pytest.mark.parametrize("value", [0, 2, True, np.float32(0.5), np.int64(1)])
def test_a_function_is_given_the_number_of_steps_and_its_factor_becomes_a_float(value):
    factor = checked_factor(PerStep(lambda step: value if step == 3 else nan), {}, 3, 0.5)
    assert type(factor) is float
    assert factor == value


@pytest.mark.parametrize(
    ("kind", "name", "values"),
    [
        (Cosine, "warm_up", (1.0, -0.1, "a", nan)),
        (OneCycle, "rise", (0, 1)),
        (OneCycle, "first", (-1,)),
        (OneCycle, "last", (1.5,)),
        (Plateau, "reduction", (1, 0)),
        (Plateau, "patience", (0, 1.5, True)),
        (Plateau, "tol", (-1, inf)),
        (Plateau, "lowest", (2,)),
    ],
)
def test_errors_name_parameter_and_value(kind, name, values):
    for value in values:
        with pytest.raises(ValueError, match=rf"{name}={value!r} must be an? (number|integer) "):
            kind(**{name: value})


@pytest.mark.parametrize("kind", [Plateau, OneCycle, Cosine])
def test_a_class_in_place_of_an_instance_is_named(kind):
    with pytest.raises(ValueError, match=rf"learning_rate_schedule=.*{kind.__name__}.* is a class"):
        as_schedule(kind)


def test_a_schedule_without_a_factor_says_so():
    with pytest.raises(NotImplementedError, match="Schedule must define `factor`"):
        Schedule().factor({}, 0, None)


# In the estimator


def rates(model):
    return [record["learning_rate"] for record in model.history_]


def test_the_schedule_multiplies_the_learning_rate(digits, make_classifier):
    model = make_classifier(max_iter=4, learning_rate=0.01, learning_rate_schedule="cosine")
    expected = 0.01 * (1 + np.cos(np.pi * np.arange(4) / 4)) / 2
    np.testing.assert_allclose(rates(model.fit(*digits)), expected)
    np.testing.assert_allclose(
        rates(model.set_params(learning_rate_schedule=Cosine(0.5)).fit(*digits)),
        0.01 * np.array([0.1, 0.55, 1, 0.5]),
    )


def test_partial_fit_has_a_constant_rate_where_the_end_decides(
    digits, make_classifier, assert_same_bits
):
    models = [
        make_classifier(learning_rate_schedule=schedule)
        for schedule in (Constant(), "constant", Cosine(), OneCycle())
    ]
    X, y = digits[0][:100], digits[1][:100]
    for model in models:
        model.partial_fit(X, y, classes=range(10)).partial_fit(X, y)
        assert_same_bits(model, models[0], X)


def test_a_function_is_asked_once_a_step_across_calls(digits, make_classifier):
    asked = []

    def schedule(step):
        asked.append(step)
        return 0.5

    model = make_classifier(learning_rate_schedule=schedule, batch_size=100, warm_start=True)
    model.fit(*digits)
    model.fit(*digits)
    model.partial_fit(*digits)
    assert asked == list(range(15))
    assert rates(model) == [0.005] * 5
    model.set_params(warm_start=False).fit(*digits)  # which starts again
    assert asked[15:] == list(range(6))


def test_a_factor_of_one_changes_no_bit(digits, make_classifier, assert_same_bits):
    models = [
        make_classifier(learning_rate_schedule=schedule).fit(*digits)
        for schedule in ("constant", np.ones(100).__getitem__, lambda step: 1)
    ]
    for model in models[1:]:
        assert_same_bits(model, models[0], digits[0])
    assert models[0].network_.dtype == np.float32


def test_a_function_that_returns_nonsense_leaves_the_estimator_unfitted(digits, make_classifier):
    model = make_classifier(learning_rate_schedule=lambda step: 1.0 if step < 5 else nan)
    with pytest.raises(ValueError, match="factor nan after 5 steps"):
        model.fit(*digits)
    assert not hasattr(model, "network_")


def test_plateau_follows_the_training_loss(digits, make_classifier):
    schedule = Plateau(reduction=0.5, patience=1, tol=1e6)  # nothing is ever better
    model = make_classifier(learning_rate_schedule=schedule, max_iter=4).fit(*digits)
    assert rates(model) == [0.01, 0.01, 0.005, 0.0025]


def test_plateau_follows_the_validation_score(digits, make_classifier):
    X, y = digits
    scores = iter([1.0, 2.0, 0.0, 0.0, 5.0, 0.0])
    model = make_classifier(
        learning_rate_schedule=Plateau(0.5, patience=2),
        scoring=lambda estimator, X, y: next(scores),
        max_iter=6,
    ).fit(X, y, X_val=X[:20], y_val=y[:20])
    assert rates(model) == [0.01, 0.01, 0.01, 0.01, 0.005, 0.005]


@pytest.mark.parametrize("schedule", ["falling", ["cosine"], None, 0.5])
def test_a_schedule_of_another_kind_is_a_clear_error(schedule, digits, make_classifier):
    with pytest.raises(ValueError, match="'learning_rate_schedule' parameter"):
        make_classifier(learning_rate_schedule=schedule).fit(*digits)
