import numpy as np
import pytest

from skcnn._engine.workspace import Workspace
from skcnn.augmentation import Augmentation, Shift


@pytest.mark.parametrize("X", [np.ones((2, 8, 8, 1), int), np.ones((8, 8)), np.ones((1,) * 6)])
def test_a_call_with_what_are_no_images_is_named(X):
    with pytest.raises(ValueError, match=r"X of dtype .* and shape .* must hold floats"):
        Shift(1)(X, np.random.default_rng(0))


def test_the_base_asks_for_apply():
    x, rng = np.ones((8, 1, 6, 3)), np.random.default_rng(0)
    with pytest.raises(NotImplementedError, match="Augmentation must define `apply`"):
        Augmentation().apply(x, rng, Workspace(), 0.0)
