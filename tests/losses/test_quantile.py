import numpy as np
import pytest
from sklearn.metrics import mean_pinball_loss

from skcnn.losses import AbsoluteError, Quantile
from skcnn.testing import check_loss
from tests.support.losses import NUMBERS, OUTPUTS, WEIGHTS, drawn, evaluate


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.99, (0.3,)])
def test_value_is_the_pinball_loss_of_scikit_learn(quantile, global_random_seed):
    outputs, _, numbers, weights = drawn(global_random_seed)
    value, _ = evaluate(Quantile(quantile), outputs, numbers, weights / weights.sum())
    alpha = np.ravel(quantile)[0]
    expected = mean_pinball_loss(numbers, outputs.T, sample_weight=weights, alpha=alpha)
    assert value == pytest.approx(expected, rel=1e-12)


def test_several_quantiles_have_an_output_each():
    loss = Quantile((0.2, 0.9))
    repeated = np.repeat(NUMBERS[:, :2], 2, axis=1)  # two columns, two quantiles each
    value, gradient = evaluate(loss, OUTPUTS, repeated, WEIGHTS)
    parts = [
        evaluate(Quantile(q), OUTPUTS[[row]], NUMBERS[:, column], WEIGHTS)
        for row, (column, q) in enumerate([(0, 0.2), (0, 0.9), (1, 0.2), (1, 0.9)])
    ]
    assert value == pytest.approx(sum(part for part, _ in parts) / 4, rel=1e-12)
    expected = np.concatenate([part for _, part in parts]) / 4
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-14)
    check_loss(loss, OUTPUTS, repeated)


def test_the_median_is_half_the_absolute_error():
    value, gradient = evaluate(Quantile(), OUTPUTS, NUMBERS, WEIGHTS)
    expected, same = evaluate(AbsoluteError(), OUTPUTS, NUMBERS, WEIGHTS)
    assert value == pytest.approx(expected / 2)
    np.testing.assert_allclose(gradient, same / 2, rtol=1e-14)


@pytest.mark.parametrize("q", [0.1, 0.5, 0.85])
def test_the_best_constant_is_the_weighted_quantile(q):
    rng = np.random.default_rng(0)
    numbers, weights = rng.normal(size=(99, 1)), rng.uniform(0.5, 2, 99)
    (best,) = Quantile(q).best_constant(numbers, weights)

    def loss_of(constant):
        return evaluate(Quantile(q), np.full((1, 99), constant), numbers, weights)[0]

    assert loss_of(best) <= min(loss_of(each) for each in numbers[:, 0]) + 1e-12


@pytest.mark.parametrize(
    "quantile", [0, 1, 1.5, -0.1, np.nan, "0.5", None, (), (0.5, 1), [0.5, "a"]]
)
def test_a_quantile_that_is_none_is_named(quantile):
    with pytest.raises(ValueError, match=r"quantile=.* must be a number greater than 0 and less"):
        Quantile(quantile)
