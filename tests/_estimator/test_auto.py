"""What "auto" stands for, for images, signals and numbers of samples."""

import numpy as np
import pytest
from sklearn.base import clone

from skcnn import ScratchCNNClassifier, ScratchCNNRegressor
from skcnn._estimator.auto import with_auto_resolved
from skcnn.layers import BatchNorm, Conv, Flatten, GlobalAveragePool

AUTO = (
    "n_filters",
    "filter_size",
    "pool_size",
    "batch_norm",
    "global_pooling",
    "dropout",
    "max_iter",
)
SMALL = ((16, 32), (5, 5), (2, 2), False, None, 0.0)
IMAGE = ((16, 48, 64), (3, 3, 3), (2, 2, 1), False, None, 0.4)
SIGNAL = ((32, 64, 64), (9, 5, 3), (2, 2, 2), True, "average", 0.0)


def resolved(estimator, image_shape, n_samples=100):
    values = vars(with_auto_resolved(estimator, image_shape, n_samples))
    return tuple(values[name] for name in AUTO)


def waves(n, length, rng):
    """Return waves of one of two frequencies that begin anywhere, and which."""
    y = rng.integers(0, 2, n)
    place = np.arange(length) + rng.uniform(0, 50, (n, 1))
    return np.sin(place * np.where(y, 0.5, 0.9)[:, None]) + rng.normal(0, 0.5, (n, length)), y


@pytest.mark.parametrize("estimator", [ScratchCNNClassifier(), ScratchCNNRegressor()])
def test_parameters_show_auto_before_and_after_a_fit(estimator):
    assert {estimator.get_params()[name] for name in AUTO} == {"auto"}
    estimator.set_params(max_iter=1).fit(
        np.random.default_rng(0).normal(size=(20, 40)), [0, 1] * 10
    )
    assert {estimator.get_params()[name] for name in AUTO[:-1]} == {"auto"}
    assert {clone(estimator).get_params()[name] for name in AUTO[:-1]} == {"auto"}


@pytest.mark.parametrize(
    ("image_shape", "network"),
    [
        ((28, 28), IMAGE),
        ((32, 32, 3), IMAGE),
        ((20, 40, 40, 2), IMAGE),
        ((9, 40), SMALL),
        ((15, 28, 3), SMALL),
        ((1, 31), SMALL),
        ((1, 1), SMALL),
        ((1, 16, 16, 1), IMAGE),
        ((1, 32), SIGNAL),
        ((1, 32, 12), SIGNAL),
        ((1, 1, 500, 2), SIGNAL),
        ((500, 1, 2), SIGNAL),
    ],
)
def test_the_classifiers_network_depends_on_the_shape(image_shape, network):
    assert resolved(ScratchCNNClassifier(), image_shape)[:-1] == network
    assert resolved(ScratchCNNRegressor(), image_shape)[:-1] == SMALL


@pytest.mark.parametrize(
    ("n_samples", "classifier", "regressor"),
    [(1, 200, 200), (300, 200, 200), (301, 199, 199), (3500, 17, 20), (10**6, 15, 20)],
)
def test_epochs_of_signals_depend_on_the_number_of_samples(n_samples, classifier, regressor):
    assert resolved(ScratchCNNClassifier(), (1, 100), n_samples)[-1] == classifier
    assert resolved(ScratchCNNRegressor(), (1, 100), n_samples)[-1] == regressor
    assert resolved(ScratchCNNClassifier(), (8, 8), n_samples)[-1] == 15
    assert resolved(ScratchCNNRegressor(), (8, 8), n_samples)[-1] == 20


def test_values_that_are_given_stay():
    given = {
        "n_filters": 4,
        "filter_size": 2,
        "pool_size": 2,
        "batch_norm": False,
        "global_pooling": None,
        "dropout": 0.1,
        "max_iter": 3,
    }
    model = ScratchCNNClassifier(**given)
    assert with_auto_resolved(model, (1, 100), 9) is model


@pytest.mark.parametrize(
    ("given", "n_filters", "filter_size"),
    [
        ({"n_filters": 7}, 7, (9,)),
        ({"n_filters": ()}, (), ()),
        ({"n_filters": np.array([2, 3, 4, 5])}, None, (9, 5, 3, 3)),
        ({"filter_size": (3, 3)}, (32, 64), (3, 3)),
        ({"filter_size": [3]}, (32,), [3]),
        ({"pool_size": (2, 2, 2, 1, 1)}, (32, 64, 64, 64, 64), (9, 5, 3, 3, 3)),
        ({"padding": "valid"}, (32, 64, 64), (9, 5, 3)),
        ({"stride": np.array(2)}, (32, 64, 64), (9, 5, 3)),
        ({"convolutions_per_block": (1, 2)}, (32, 64), (9, 5)),
    ],
)
def test_what_is_given_for_each_block_says_how_many_there_are(given, n_filters, filter_size):
    values = resolved(ScratchCNNClassifier(**given), (1, 100))
    if n_filters is not None:
        assert values[0] == n_filters
    assert values[1] == filter_size


def test_an_average_would_lose_positions_that_are_standardized_each_by_itself():
    pixel = ScratchCNNClassifier(standardize="pixel")
    assert resolved(pixel, (1, 100)) == (*SMALL, 200)
    assert resolved(pixel, (28, 28), 9000) == (*IMAGE, 16)


def test_filters_of_ones_own_get_no_dropout_and_one_size():
    values = resolved(ScratchCNNClassifier(n_filters=1), (28, 28))
    assert values == (1, (5,), (2,), False, None, 0.0, 30)
    deep = resolved(ScratchCNNClassifier(n_filters=(4, 8, 8)), (28, 28))
    assert deep[:3] == ((4, 8, 8), (5, 5, 5), (2, 2, 2))


@pytest.mark.parametrize("padding", ["valid", 0, (0, 0)])
@pytest.mark.parametrize("side", [16, 17, 28])
@pytest.mark.parametrize("filter_size", ["auto", 3, 5])
def test_images_without_padding_have_two_blocks_and_room_for_them(padding, side, filter_size):
    X = np.random.default_rng(0).normal(size=(20, side, side))
    model = ScratchCNNClassifier(padding=padding, filter_size=filter_size, max_iter=1)
    model.fit(X, [0, 1] * 10)
    assert [type(layer) for layer in model.network_.layers].count(Conv) == 2


@pytest.mark.parametrize("pool_size", [(2, 1), [2, 2, 2, 1], 3])
def test_pooling_of_images_that_is_given_stays(pool_size):
    values = resolved(ScratchCNNClassifier(pool_size=pool_size), (28, 28))
    assert values[2] == pool_size
    assert (
        values[0]
        == {2: (16, 48), 3: (16, 48, 64), 4: (16, 48, 64, 64)}[
            3 if pool_size == 3 else len(pool_size)
        ]
    )


def test_lbfgs_gets_no_batch_normalization_and_enough_iterations():
    values = resolved(ScratchCNNClassifier(solver="lbfgs"), (1, 100))
    assert values == ((32, 64, 64), (9, 5, 3), (2, 2, 2), False, "average", 0.0, 200)


def test_layers_that_are_given_get_no_global_pooling():
    X, y = waves(20, 40, np.random.default_rng(0))
    model = ScratchCNNClassifier(layers=[Conv(2, 3)], max_iter=1).fit(X, y)
    assert [type(layer) for layer in model.network_.layers[:2]] == [Conv, Flatten]


def test_signals_are_told_apart_wherever_their_waves_begin():
    rng = np.random.default_rng(0)
    (X, y), (others, labels) = waves(60, 100, rng), waves(200, 100, rng)
    model = ScratchCNNClassifier(image_shape=100, max_iter=40, random_state=0).fit(X, y)
    kinds = [type(layer) for layer in model.network_.layers]
    assert kinds.count(BatchNorm) == 3
    assert kinds[-2] is GlobalAveragePool
    assert model.score(others, labels) > 0.97


def test_partial_fit_and_warm_start_make_the_same_network_of_any_number_of_samples():
    X, y = waves(40, 40, np.random.default_rng(0))
    model = ScratchCNNClassifier(warm_start=True, random_state=0)
    for n in (40, 9):
        model.partial_fit(X[:n], y[:n], classes=[0, 1])
    model.set_params(max_iter=2).fit(X, y)
    assert model.n_iter_ == 4


@pytest.mark.parametrize("standardize", ["channel", "pixel", "sample"])
@pytest.mark.parametrize("hidden_layer_sizes", [(), (32,)])
def test_the_first_epoch_of_wide_signals_hardly_raises_the_loss(standardize, hidden_layer_sizes):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 1841)).cumsum(axis=1)
    common = {
        "max_iter": 1,
        "image_shape": 1841,
        "standardize": standardize,
        "hidden_layer_sizes": hidden_layer_sizes,
        "random_state": 0,
    }
    y = rng.integers(0, 3, 90)
    for global_pooling, most in [("auto", 1.15 if standardize == "pixel" else 1.05), (None, 1.15)]:
        model = ScratchCNNClassifier(global_pooling=global_pooling, **common).fit(X, y)
        assert model.loss_curve_[0] < most * np.log(3)  # classes are random: it can only rise
    assert ScratchCNNRegressor(**common).fit(X, X[:, 900]).loss_curve_[0] < 0.5  # that of the mean
