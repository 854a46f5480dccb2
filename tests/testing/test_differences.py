import numpy as np
import pytest

from skcnn.testing import finite_differences
from skcnn.testing.differences import assert_gradient, directional_differences


def test_differences_of_a_known_function_leave_the_array_as_it_was():
    x = np.random.default_rng(0).standard_normal((2, 3))
    before, along = x.copy(), np.random.default_rng(1).standard_normal((4, 2, 3))
    numeric = finite_differences(lambda: float(np.sin(x).sum()), x)
    np.testing.assert_allclose(numeric, np.cos(before), atol=1e-9)
    assert np.array_equal(x, before)
    directional = directional_differences(lambda: float(np.sin(x).sum()), x, along)
    np.testing.assert_allclose(directional, (along * np.cos(before)).sum(axis=(1, 2)), atol=1e-9)
    assert np.array_equal(x, before)


@pytest.mark.parametrize("directions", [None, 8])
def test_error_relative_to_the_largest_element_decides(directions):
    x = np.linspace(1, 2, 5)

    def check(error, other=0.0):
        gradient = x + [0, 2 * other, 0, 2 * error, 0]
        assert_gradient(
            gradient, lambda: float(x @ x / 2), x, rtol=1e-6, name="it",
            directions=directions, rng=np.random.default_rng(0),
        )  # fmt: skip

    check(1e-8)
    with pytest.raises(AssertionError, match="it differs from finite differences by"):
        check(1e-4)
    with pytest.raises(AssertionError, match="it differs from finite differences by"):
        check(1e-4, -1e-4)  # which cancel in a sum
    with pytest.raises(AssertionError, match="NaN or inf"):
        check(np.inf)
