"""The model before its first epoch."""

import numpy as np
import pytest

from skcnn import ScratchCNNClassifier
from skcnn._data.sample_standardizer import SampleStandardizer
from skcnn._data.samples import Data
from skcnn._estimator.auto import with_auto_resolved
from skcnn._estimator.build import build, continued, seed_sequence
from skcnn._estimator.class_targets import ClassTargets
from skcnn._estimator.fitted import Columns
from skcnn.augmentation import Shift
from skcnn.losses import CrossEntropy

FLOAT32, SEED = np.dtype(np.float32), np.array([1, 2, 3, 4])


def start(digits, seed=SEED, **parameters):
    X, y = digits
    estimator = ScratchCNNClassifier(**({"n_filters": 2, "filter_size": 3} | parameters))
    targets, data = ClassTargets.learn(Data(X, None, X.dtype, y), None, CrossEntropy(), None)
    columns = Columns(64, None)
    estimator = with_auto_resolved(estimator, (8, 8), len(y))
    return estimator, data, build(estimator, data, targets, columns, (8, 8), FLOAT32, seed, "loss")


def test_a_seed_gives_the_same_weights_whatever_the_data(digits):
    _, _, model = start(digits)
    _, _, other = start((digits[0][::-1], digits[1][::-1]))
    assert model.network.parameters.tobytes() == other.network.parameters.tobytes()
    _, _, reseeded = start(digits, seed=SEED + 1)
    assert model.network.parameters.tobytes() != reseeded.network.parameters.tobytes()


def test_purposes_of_a_seed_have_generators_of_their_own():
    draws = [np.random.default_rng(seed_sequence(SEED, purpose)).random() for purpose in range(4)]
    assert len(set(draws)) == 4


def test_the_input_is_standardized_if_asked(digits):
    _, _, model = start(digits)
    assert model.standardizer.mean[0] == pytest.approx(digits[0].mean(dtype=np.float64))
    _, _, plain = start(digits, standardize=False)
    assert plain.standardizer is None
    assert start(digits, standardize="pixel")[-1].standardizer.mean.shape == (8, 8, 1)
    assert start(digits, standardize="sample")[-1].standardizer == SampleStandardizer()


def test_augmentation_knows_the_training_mean_where_it_is_not_zero(digits):
    assert start(digits, standardize=False)[-1].fill is None
    for standardize in (True, "pixel", "sample"):
        assert start(digits, augment=Shift(1), standardize=standardize)[-1].fill is None
    fill = start(digits, augment=Shift(1), standardize=False)[-1].fill
    np.testing.assert_allclose(fill, digits[0].mean(dtype=np.float64), rtol=1e-12)


def test_x_must_fit_into_the_dtype(digits):
    X, y = digits
    with pytest.raises(ValueError, match="too large for dtype float32"):
        start((X.astype(np.float64) * 1e38, y))


def test_to_go_on_is_to_change_copies(digits):
    estimator, data, model = start(digits)
    model.state.start(model.network.parameters)
    later = continued(estimator, model, data, model.targets, "loss")
    later.network.parameters += 1
    later.state.optimizer_state["mean"] += 1
    assert not np.array_equal(model.network.parameters, later.network.parameters)
    assert not model.state.optimizer_state["mean"].any()
    assert later.standardizer is model.standardizer


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"n_filters": 3}, "the layers"),
        ({"dtype": "float64"}, "dtype"),
        ({"standardize": False}, "standardize"),
        ({"standardize": "pixel"}, "standardize"),
        ({"standardize": "sample"}, "standardize"),
        ({"image_shape": (4, 16)}, "image_shape"),
    ],
)
def test_what_makes_up_the_network_may_not_change(digits, changed, named):
    estimator, data, model = start(digits)
    estimator.set_params(**changed)
    with pytest.raises(ValueError, match=rf"changed after the first fit: \['{named}'\]"):
        continued(estimator, model, data, model.targets, "loss")
