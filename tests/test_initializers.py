import numpy as np
import pytest
from scipy import stats

from skcnn.initializers import INITIALIZERS, glorot_uniform, he_normal, initialize_weights


def test_he_normal_is_normal_with_variance_two_over_fan_in():
    weights = np.empty(20_000)
    he_normal(weights, 50, 7, np.random.default_rng(0))
    assert stats.kstest(weights, stats.norm(0, np.sqrt(2 / 50)).cdf).pvalue > 0.01


def test_glorot_uniform_is_uniform_up_to_its_bound():
    weights = np.empty(20_000)
    glorot_uniform(weights, 50, 7, np.random.default_rng(0))
    bound = np.sqrt(6 / 57)
    assert np.abs(weights).max() <= bound
    assert stats.kstest(weights, "uniform", (-bound, 2 * bound)).pvalue > 0.01


@pytest.mark.parametrize("name", INITIALIZERS)
def test_float32_and_float64_start_from_the_same_numbers_in_place(name):
    single, double = np.empty((3, 4), np.float32), np.empty((3, 4))
    initialize_weights(name, single, 3, 4, np.random.default_rng(5))
    initialize_weights(name, double, 3, 4, np.random.default_rng(5))
    assert np.array_equal(single, double.astype(np.float32))


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"initializer='he' .*'glorot_uniform', 'he_normal'"):
        initialize_weights("he", np.empty(3), 1, 1, np.random.default_rng(0))
