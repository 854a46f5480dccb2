"""What is trained on and what is held out, as behavior/test_held_out.py sees it, too."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.model_selection import GroupShuffleSplit

from skcnn._data.samples import Data
from skcnn._estimator.number_targets import NumberTargets
from skcnn._estimator.parts import split_off
from skcnn.losses import SquaredError

SEED = np.arange(4)
TARGETS = NumberTargets((), SquaredError())


def data(groups=None):
    y = np.arange(20.0)
    return Data(np.zeros((20, 4)), None, np.dtype(float), y, groups=groups)


@pytest.mark.parametrize("how", [0.2, GroupShuffleSplit(test_size=0.2)], ids=["number", "splitter"])
def test_the_parts_are_the_samples_and_come_from_the_seed(how):
    whole = data(np.arange(20) // 2 if hasattr(how, "split") else None)
    estimator = SimpleNamespace(validation_fraction=how)
    parts, same, other = (
        split_off(estimator, TARGETS, whole, seed) for seed in (SEED, SEED, SEED + 1)
    )
    assert np.array_equal(np.sort(np.concatenate([part.y for part in parts])), whole.y)
    assert len(parts.held_out) == 4
    assert np.array_equal(parts.held_out.y, same.held_out.y)
    assert not np.array_equal(parts.held_out.y, other.held_out.y)


def test_groups_need_a_splitter():
    with pytest.raises(ValueError, match=r"GroupShuffleSplit\(test_size=0.2\)"):
        split_off(SimpleNamespace(validation_fraction=0.2), TARGETS, data(np.arange(20)), SEED)
