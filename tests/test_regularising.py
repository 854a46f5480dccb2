"""What regularises, seen from the estimator."""

import pickle

import numpy as np
import pytest

from skcnn.layers import BatchNorm

NORMALISED = {"batch_norm": True, "hidden_layer_sizes": 6, "batch_size": 16}


def test_with_batch_norm_a_row_is_predicted_as_it_is_among_others(make_classifier, digits):
    X, y = digits
    model = make_classifier(**NORMALISED).fit(X, y)
    together = model.predict_proba(X[:40])
    alone = np.concatenate([model.predict_proba(X[[i]]) for i in range(40)])
    np.testing.assert_allclose(alone, together, rtol=2e-5, atol=1e-6)
    assert np.abs(model.network_.state).max() > 0


def test_with_batch_norm_a_zero_weight_is_removal(make_classifier, digits, assert_same_bits):
    X, y = digits
    weights = np.random.default_rng(0).integers(0, 3, len(y)).astype(float)
    keep = weights > 0
    weighted = make_classifier(**NORMALISED).fit(X, y, weights)
    removed = make_classifier(**NORMALISED).fit(X[keep], y[keep], weights[keep])
    assert_same_bits(weighted, removed, X)
    assert weighted.network_.state.tobytes() == removed.network_.state.tobytes()


@pytest.mark.parametrize("factor", [1.0, 0.25, 8.0])
def test_with_batch_norm_equal_weights_are_none(make_classifier, digits, assert_same_bits, factor):
    X, y = digits
    plain = make_classifier(**NORMALISED).fit(X, y)
    weighted = make_classifier(**NORMALISED).fit(X, y, np.full(len(y), factor))
    assert_same_bits(plain, weighted, X)


def test_with_batch_norm_an_integer_weight_is_not_repetition(make_classifier, digits):
    """A repeated row counts twice in the statistics of its mini-batch, a heavy one once."""
    X, y = digits
    X, y = X[:40].astype(float), y[:40]
    repeats = np.random.default_rng(0).integers(1, 4, 40)

    def distance(**parameters):
        model = make_classifier(batch_size=200, **parameters)
        weighted = pickle.loads(pickle.dumps(model)).fit(X, y, repeats)
        repeated = model.fit(np.repeat(X, repeats, axis=0), np.repeat(y, repeats))
        return np.abs(weighted.predict_proba(X) - repeated.predict_proba(X)).max()

    assert distance() < 1e-10
    assert distance(batch_norm=True) > 1e-4


@pytest.mark.parametrize(
    "parameters", [NORMALISED, {"block_dropout": 0.3}, NORMALISED | {"block_dropout": 0.3}], ids=str
)
def test_threads_and_pickling_change_no_bit(make_classifier, digits, assert_same_bits, parameters):
    X, y = digits
    parameters = parameters | {"batch_size": 150}
    one = make_classifier(**parameters).fit(X, y)
    two = make_classifier(n_jobs=2, **parameters).fit(X, y)
    assert_same_bits(one, two, X)
    assert_same_bits(one, pickle.loads(pickle.dumps(one)), X)


def test_partial_fit_goes_on_with_the_running_statistics(make_classifier, digits, assert_same_bits):
    X, y = digits
    one, other = (make_classifier(**NORMALISED) for _ in range(2))
    for _ in range(2):
        one.partial_fit(X, y, classes=np.unique(y))
        other = pickle.loads(pickle.dumps(other.partial_fit(X, y, classes=np.unique(y))))
    assert_same_bits(one, other, X)
    assert one.network_.state.tobytes() == other.network_.state.tobytes()


@pytest.mark.parametrize("parameters", [{"batch_norm": True}, {"block_dropout": 0.1}], ids=str)
def test_it_still_learns(make_classifier, digits, parameters):
    X, y = digits
    model = make_classifier(n_filters=8, max_iter=10, **parameters).fit(X[:200], y[:200])
    assert model.score(X[200:], y[200:]) > 0.85


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"batch_norm": "yes"}, "'batch_norm' parameter"),
        ({"block_dropout": 1.0}, "'block_dropout' parameter"),
        ({"block_dropout": -0.1}, "'block_dropout' parameter"),
    ],
)
def test_bad_values_are_named(make_classifier, digits, parameters, words):
    with pytest.raises(ValueError, match=words):
        make_classifier(**parameters).fit(*digits)


@pytest.mark.parametrize("n", [33, 65, 97])
def test_with_batch_norm_a_last_row_on_its_own_joins_the_batch_before(make_classifier, digits, n):
    X, y = digits
    model = make_classifier(**NORMALISED | {"batch_size": 32}).fit(X[:n], y[:n])
    assert np.isfinite(model.predict_proba(X)).all()


@pytest.mark.parametrize("layers", [None, "given"])
def test_batch_norm_on_single_rows_is_an_error_before_any_work(make_classifier, digits, layers):
    X, y = digits
    parameters = {"batch_norm": True} if layers is None else {"layers": [BatchNorm()]}
    with pytest.raises(ValueError, match=r"batch_size=1 is too small for batch normalisation"):
        make_classifier(batch_size=1, **parameters).fit(X, y)
    with pytest.raises(ValueError, match=r"n_samples=1 is too few for batch normalisation"):
        make_classifier(**parameters).fit(X[:1], y[:1])


def test_label_smoothing_keeps_probabilities_from_the_extremes(make_classifier, digits):
    X, y = digits
    largest = [
        make_classifier(max_iter=30, label_smoothing=share).fit(X, y).predict_proba(X).max(axis=1)
        for share in (0.0, 0.3)
    ]
    assert largest[0].mean() > 0.98
    # the best that training can do is 1 - 0.3 + 0.3 / 10
    assert largest[1].mean() == pytest.approx(0.73, abs=0.08)
