"""A fit is done, or it leaves the estimator as it was: errors and interrupts on its way."""

import sys
from dataclasses import dataclass

import numpy as np
import pytest

from skcnn.layers import Layer
from skcnn.optimizers import SGD
from tests.support.estimators import assert_same_bits, make_classifier, unchanged

COUNTS = {}
STEPS = 10  # of one epoch: 300 samples in batches of 32


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


@pytest.fixture(autouse=True)
def no_steps_yet():
    COUNTS.clear()


class Interrupting:
    """A standard output that is interrupted at one line."""

    def __init__(self, at):
        self.at, self.lines = at, 0

    def write(self, text):
        self.lines += "\n" in text
        if self.lines == self.at:
            raise KeyboardInterrupt

    def flush(self):
        pass


# Errors


@pytest.mark.parametrize("epoch", [1, 3])
def test_a_loss_that_becomes_nan_names_epoch_and_learning_rate(epoch, digits):
    solver = Failing(at=(epoch - 1) * STEPS + 2, error=None)
    model = make_classifier(solver=solver, max_iter=5, learning_rate=0.0125)
    message = rf"NaN.*epoch {epoch} with learning_rate=0\.0125"
    with unchanged(model), pytest.raises(ValueError, match=message):
        model.fit(*digits)


def test_parameters_that_become_nan_at_the_last_step_are_noticed(digits):
    model = make_classifier(solver=Failing(at=2 * STEPS, error=None), max_iter=2)
    with unchanged(model), pytest.raises(ValueError, match="epoch 2"):
        model.fit(*digits)


def test_partial_fit_that_diverges_counts_epochs_on(digits):
    model = make_classifier(solver=Failing(at=2 * STEPS + 1, error=None))
    model.partial_fit(*digits, classes=range(10)).partial_fit(*digits)
    expected = model.predict_proba(digits[0])
    with unchanged(model), pytest.raises(ValueError, match="epoch 3"):
        model.partial_fit(*digits)
    np.testing.assert_array_equal(model.predict_proba(digits[0]), expected)


@pytest.mark.parametrize("error", [MemoryError, RuntimeError, SystemExit])
@pytest.mark.parametrize("step", [1, STEPS + 3])
def test_any_other_error_leaves_the_model_as_it_was(step, error, digits):
    model = make_classifier(solver=Failing(at=step, error=error))
    with unchanged(model), pytest.raises(error):
        model.fit(*digits)
    COUNTS.clear()
    model.set_params(solver=Failing(at=STEPS + step, error=error))
    model.partial_fit(*digits, classes=range(10))
    if step > 1:
        model.partial_fit(*digits)
        COUNTS["steps"] = STEPS + step - 1
    with unchanged(model), pytest.raises(error):
        model.partial_fit(*digits)


def test_an_error_in_a_custom_layer_leaves_the_model_as_it_was(digits, classifier):
    @dataclass(frozen=True)
    class Broken(Layer):
        def forward(self, parameters, x, workspace, *, training):
            raise RuntimeError("broken")

    classifier.set_params(layers=[Broken()])
    attributes = vars(classifier).copy()
    with pytest.raises(RuntimeError, match="broken"):
        classifier.fit(*digits)
    assert vars(classifier) == attributes


# Ctrl-C


@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("step", [1, STEPS])
def test_an_interrupt_in_the_first_epoch_leaves_the_model_as_it_was(
    step, fitted, digits, classifier
):
    model = classifier if fitted else make_classifier()
    expected = model.predict_proba(digits[0]) if fitted else None
    model.set_params(solver=Failing(at=step), max_iter=3)
    with unchanged(model), pytest.raises(KeyboardInterrupt):
        model.fit(*digits)
    if fitted:
        np.testing.assert_array_equal(model.predict_proba(digits[0]), expected)


@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("epochs", [1, 3])
@pytest.mark.parametrize("step", [1, 2, STEPS])
def test_an_interrupt_leaves_the_model_of_the_last_finished_epoch(step, epochs, fitted, digits):
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
    assert model.n_iter_ == len(model.history_) == epochs
    assert model.loss_ == expected.loss_
    assert vars(model).keys() == vars(expected).keys()
    # and it goes on in the same way
    assert_same_bits(model.partial_fit(X, y), expected.partial_fit(X, y), X)


@pytest.mark.parametrize("epochs", [1, 2])
def test_an_interrupt_while_an_epoch_is_being_reported_leaves_a_consistent_model(
    epochs, digits, monkeypatch
):
    model = make_classifier(max_iter=5, verbose=1)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", Interrupting(at=epochs + 1))
        with pytest.raises(KeyboardInterrupt):
            model.fit(*digits)
    assert model.n_iter_ in (epochs, epochs + 1)  # that epoch was finished, or does not count
    expected = make_classifier(max_iter=model.n_iter_).fit(*digits)
    assert model.loss_ == expected.loss_
    assert_same_bits(model, expected, digits[0])


@pytest.mark.parametrize("step", [1, 2, STEPS])
@pytest.mark.parametrize("calls", [0, 1, 2])
def test_an_interrupt_in_partial_fit_leaves_the_model_as_it_was(calls, step, digits):
    X, y = digits
    model = make_classifier(solver=Failing(at=calls * STEPS + step), dropout=0.2)
    expected = make_classifier(solver=Failing(counter="other"), dropout=0.2)
    for _ in range(calls):
        model.partial_fit(X, y, classes=range(10))
        expected.partial_fit(X, y, classes=range(10))
    with unchanged(model), pytest.raises(KeyboardInterrupt):
        model.partial_fit(X, y, classes=range(10))
    # the interrupted call can be made again
    model.partial_fit(X, y, classes=range(10))
    assert_same_bits(model, expected.partial_fit(X, y, classes=range(10)), X)


def test_an_interrupt_at_the_end_of_partial_fit_is_not_swallowed(digits, monkeypatch):
    model = make_classifier(verbose=0).partial_fit(*digits, classes=range(10))
    model.set_params(verbose=1)
    with monkeypatch.context() as patch, unchanged(model):
        patch.setattr(sys, "stdout", Interrupting(at=1))
        with pytest.raises(KeyboardInterrupt):
            model.partial_fit(*digits)
