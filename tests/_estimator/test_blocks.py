from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone

from skcnn import ScratchCNNClassifier, architectures
from skcnn._estimator.blocks import ARCHITECTURES, Architecture
from skcnn.architectures import fcn
from skcnn.layers import (
    Activation,
    AveragePool,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
    Logistic,
    MaxPool,
    ReLU,
    SpatialDropout,
    Tanh,
)

PLAIN = Architecture(
    n_filters=4,
    filter_size=3,
    pool_size=2,
    pooling="max",
    padding="same",
    stride=1,
    hidden_layer_sizes=(),
    activation="relu",
    dropout=0.0,
    layers=None,
)
OUTPUT = Dense(3, "zeros")


class Bump(Activation):
    """An activation of a user's own."""


def build(image_shape=(8, 8), **parameters):
    return replace(PLAIN, **parameters).build(image_shape, 3)


def of_kind(layers, *kinds):
    return [layer for layer in layers if isinstance(layer, kinds)]


def test_a_block_is_convolution_activation_pooling():
    assert build() == (Conv(4, 3), ReLU(), MaxPool(2), Flatten(), OUTPUT)
    assert build(activation=Bump())[1:3] == (Bump(), MaxPool(2))
    assert build(pooling="average")[:3] == (Conv(4, 3), ReLU(), AveragePool(2))


ARRAYS = {
    "n_filters": (4, 5),
    "filter_size": (3, 5),
    "pool_size": (2, 1),
    "padding": (1, 2),
    "stride": (1, 2),
    "hidden_layer_sizes": (7, 6),
    "image_shape": (8, 8),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_are_what_their_tuples_are(name, digits):
    value = ARRAYS[name]
    both = {"n_filters": (4, 4), "max_iter": 1, "random_state": 0, "warm_start": True}
    expected, model = (
        ScratchCNNClassifier(**both | {name: given}).fit(*digits)
        for given in (value, np.array(value))
    )
    assert model.network_.layers == expected.network_.layers
    assert model.image_shape_ == expected.image_shape_
    assert clone(model).fit(*digits).loss_curve_ == model.loss_curve_
    assert model.fit(*digits).n_iter_ == 2
    assert repr(model)


def test_arrays_may_be_nested_and_of_one_number_but_not_of_floats():
    assert build(filter_size=[np.array([3, 5])]) == build(filter_size=((3, 5),))
    assert build(n_filters=np.array([[3, 5]])[0, :1]) == build(n_filters=3)
    assert build(filter_size=np.array(5)) == build(filter_size=5)
    with pytest.raises(ValueError, match="must be an integer of at least 1"):
        build(hidden_layer_sizes=np.array([1.5]))


def test_a_pooling_of_nothing_is_left_out():
    assert build(pool_size=1)[:2] == (Conv(4, 3), ReLU())
    assert build((1, 1))[:2] == (Conv(4, (1, 1), (1, 1)), ReLU())


def test_batch_normalization_takes_the_place_of_the_bias():
    assert build(batch_norm=True, hidden_layer_sizes=(7,)) == (
        Conv(4, 3, use_bias=False), BatchNorm(), ReLU(), MaxPool(2), Flatten(),
        Dense(7, use_bias=False), BatchNorm(), ReLU(), OUTPUT,
    )  # fmt: skip
    assert build(batch_norm=True, pool_size=1)[:3] == (
        Conv(4, 3, use_bias=False), BatchNorm(), ReLU(),
    )  # fmt: skip


def test_block_dropout_acts_on_maps_after_each_block():
    layers = build((16, 16), n_filters=(4, 6), block_dropout=0.25, dropout=0.5)
    block = [ReLU(), MaxPool(2), SpatialDropout(0.25)]
    assert layers == (
        Conv(4, 3), *block,
        Conv(6, 3), *block,
        Flatten(), Dropout(0.5), OUTPUT,
    )  # fmt: skip


def test_given_layers_get_no_block_dropout_and_no_batch_normalization():
    assert build(layers=[Conv(8, 5)], batch_norm=True, block_dropout=0.2) == build(
        layers=[Conv(8, 5)]
    )


def test_one_value_counts_for_every_block():
    convs = of_kind(build((16, 16), n_filters=(4, 6, 8)), Conv)
    assert convs == [Conv(f, 3) for f in (4, 6, 8)]


def test_a_tuple_has_an_entry_a_block():
    layers = build(
        (24, 24),
        n_filters=(4, 6),
        filter_size=(5, (3, 1)),
        pool_size=((1, 2), 3),
        padding=("valid", ((1, 1), 0)),
        stride=(1, (2, 1)),
        pooling="average",
    )
    first, second = of_kind(layers, Conv)
    assert first == Conv(4, 5, 1, "valid")
    assert (second.filter_size, second.stride) == ((3, 1), (2, 1))
    assert of_kind(layers, AveragePool) == [AveragePool((1, 2)), AveragePool(3)]


def test_lists_are_as_good_as_tuples():
    as_lists = build((16, 16), n_filters=[4, 6], filter_size=[[3, 5], 3], hidden_layer_sizes=[7])
    as_tuples = build((16, 16), n_filters=(4, 6), filter_size=((3, 5), 3), hidden_layer_sizes=(7,))
    assert as_lists == as_tuples


def test_lists_may_be_nested_at_any_depth():
    assert build(padding=[[[1, 2], [0, 1]]]) == build(padding=(((1, 2), (0, 1)),))
    assert build((16, 16), n_filters=(4, 6), padding=[[[1, 2], [0, 1]], 0]) == build(
        (16, 16), n_filters=(4, 6), padding=(((1, 2), (0, 1)), 0)
    )


def test_numpy_integers_become_integers():
    def parameters(kind):
        return {
            "n_filters": (kind(4),),
            "filter_size": ((kind(3), kind(5)),),
            "pool_size": kind(3),
            "stride": (kind(2),),
            "padding": (((kind(1), kind(2)), kind(0)),),
            "hidden_layer_sizes": (kind(5),),
        }

    built, expected = build((32, 32), **parameters(np.int64)), build((32, 32), **parameters(int))
    assert [repr(layer) for layer in built] == [repr(layer) for layer in expected]


@pytest.mark.parametrize("layer", [Conv(np.int64(2)), MaxPool(np.int64(2)), Conv(2, np.int8(3))])
def test_shapes_of_layers_with_numpy_integers_are_integers(layer):
    assert {type(n) for n in layer.output_shape((8, 1, 8))} == {int}


def test_a_rectangular_filter_is_nested():
    assert build(filter_size=((3, 5),))[0].filter_size == (3, 5)


def test_filters_are_narrowed_where_the_input_has_length_one():
    first, second = of_kind(build((1, 16), n_filters=(4, 6)), Conv)
    assert first.filter_size == second.filter_size == (1, 3)


@pytest.mark.parametrize("sizes", [(7, 5), [7, 5]])
def test_dropout_acts_before_every_dense_layer(sizes):
    layers = build(hidden_layer_sizes=sizes, dropout=0.25)
    assert layers[3:] == (
        Flatten(), Dropout(0.25), Dense(7), ReLU(), Dropout(0.25), Dense(5), ReLU(),
        Dropout(0.25), OUTPUT,
    )  # fmt: skip


def test_one_hidden_layer_may_be_a_number():
    assert build(hidden_layer_sizes=7) == build(hidden_layer_sizes=(7,))


@pytest.mark.parametrize(
    ("activation", "kind", "initializer"),
    [
        ("relu", ReLU, "he_normal"),
        ("tanh", Tanh, "glorot_uniform"),
        ("logistic", Logistic, "glorot_uniform"),
        (Tanh(), Tanh, "glorot_uniform"),
    ],
)
def test_weights_start_as_the_activation_asks(activation, kind, initializer):
    layers = build(activation=activation, hidden_layer_sizes=(7,))
    assert len(of_kind(layers, kind)) == 2
    conv, hidden, output = of_kind(layers, Conv, Dense)
    assert conv.initializer == hidden.initializer == initializer
    assert output == OUTPUT


def test_given_layers_are_completed():
    body = [Conv(8, 5), MaxPool(2), ReLU()]
    assert build(layers=body) == (*body, Flatten(), OUTPUT)
    assert build(layers=[*body, Flatten(), Dense(9)]) == (*body, Flatten(), Dense(9), OUTPUT)
    assert build(layers=[]) == (Flatten(), OUTPUT)
    assert build((1, 9), layers=[Conv(2, 3)])[0] == Conv(2, (1, 3), (1, 1))


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"filter_size": (3, 5)}, ["filter_size=(3, 5) has 2 entries", "filter_size=((3, 5),)"]),
        ({"pool_size": (2,), "n_filters": (4, 6)}, ["pool_size=(2,) has 1 entries", "2 block(s)"]),
        ({"padding": ((1, 1), 0)}, ["padding=((1, 1), 0) has 2 entries", "1 block(s)"]),
        ({"stride": ()}, ["stride=() has 0 entries"]),
        ({"filter_size": 9, "padding": "valid"}, ["filter_size=(9, 9)", "(8, 8)", "'same'"]),
        (
            {"n_filters": (4, 4, 4), "padding": "valid"},
            ["filter_size=(3, 3)", "shape (1, 1)", "fewer poolings"],
        ),
        ({"n_filters": 0}, ["n_filters=0"]),
        ({"n_filters": (4, -1)}, ["n_filters=(4, -1)", "at least 1", "one for each block"]),
        ({"n_filters": ((4,),)}, ["n_filters=((4,),)", "integer", "one for each block"]),
        ({"n_filters": True}, ["n_filters=True", "integer", "one for each block"]),
        ({"n_filters": (4, True)}, ["n_filters=(4, True)", "integer"]),
        ({"filter_size": True}, ["filter_size=True", "integer"]),
        ({"pool_size": ((2, True),)}, ["pool_size=(2, True)", "integer"]),
        ({"stride": True}, ["stride=True", "integer"]),
        ({"padding": True}, ["padding=True", "integer of at least 0"]),
        ({"padding": (((True, 1), 0),)}, ["padding=((True, 1), 0)", "integer of at least 0"]),
        (
            {"hidden_layer_sizes": (5, 0)},
            ["hidden_layer_sizes=(5, 0)", "at least 1", "one for each dense layer"],
        ),
        ({"hidden_layer_sizes": True}, ["hidden_layer_sizes=True", "integer"]),
        ({"activation": MaxPool(2)}, ["activation=MaxPool(", "'relu'", "skcnn.layers.Activation"]),
        ({"activation": Conv(2)}, ["activation=Conv(", "into layers="]),
        ({"activation": Dropout(0.3)}, ["activation=Dropout(", "such as ReLU()"]),
        ({"activation": "swish"}, ["activation='swish'", "'tanh'"]),
        ({"activation": ReLU}, ["activation=<class", "an instance"]),
        ({"layers": [Conv(2), "relu"]}, ["layers[1]='relu' is not a layer", "Conv(8, 3)"]),
        ({"layers": [ReLU]}, ["layers[0]=", "Give instances"]),
        ({"layers": [Dense(4)]}, ["Dense(n_units=4)", "(8, 1, 8)", "Put Flatten() before it"]),
        ({"layers": [Flatten(), Conv(4)]}, ["Conv(n_filters=4)", "(64,)", "before Flatten()"]),
    ],
)
def test_errors_name_the_parameter_its_value_and_the_fix(parameters, words):
    with pytest.raises(ValueError, match=r".") as caught:
        build(**parameters)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def names(layers):
    return [type(layer).__name__ for layer in layers]


@pytest.mark.parametrize(
    ("pooling", "kind"), [("average", GlobalAveragePool), ("max", GlobalMaxPool)]
)
def test_global_pooling_is_in_the_place_of_flatten(pooling, kind):
    layers = build((9, 9), n_filters=(2, 3), global_pooling=pooling)
    assert layers[-2:] == (kind(), OUTPUT)
    assert Flatten() not in layers


def test_a_block_has_so_many_convolutions_and_the_first_has_the_stride():
    counts = {"convolutions_per_block": (3, 1), "n_filters": (2, 3), "stride": (2, 1)}
    made = build((12, 12), batch_norm=True, **counts)
    block = ["Conv", "BatchNorm", "ReLU"]
    assert names(made) == [*block * 3, "MaxPool", *block, "MaxPool", "Flatten", "Dense"]
    convolutions = [layer for layer in made if isinstance(layer, Conv)]
    assert [layer.stride for layer in convolutions] == [2, 1, 1, 1]
    assert [layer.n_filters for layer in convolutions] == [2, 2, 2, 3]
    assert not any(layer.use_bias for layer in convolutions)


def test_residual_blocks_add_their_input_before_the_activation_and_the_pooling():
    made = build(n_filters=(2, 3), residual=True, convolutions_per_block=2)
    assert names(made) == ["Residual", "ReLU", "MaxPool"] * 2 + ["Flatten", "Dense"]
    assert names(made[0].layers) == ["Conv", "ReLU", "Conv"]
    single = build(n_filters=2, residual=True, batch_norm=True)
    assert names(single[0].layers) == ["Conv", "BatchNorm"]


def test_a_name_is_that_of_an_architecture():
    made = build((30,), layers="fcn")
    assert made[:-1] == tuple(layer.narrowed((30,)) for layer in fcn())
    assert set(ARCHITECTURES) == set(architectures.__all__)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"layers": "fcn", "global_pooling": "max"}, "global_pooling='max' is for the blocks"),
        ({"layers": [ReLU()], "residual": True}, "residual=True is for the blocks"),
        ({"layers": "fnc"}, r"layers='fnc' must be a list of layers or one of the names \['fcn'"),
        ({"residual": True, "padding": "valid"}, r"residual=True .* Use padding='same'"),
        ({"convolutions_per_block": (1, 2)}, r"convolutions_per_block=.* has 2 entries"),
        ({"convolutions_per_block": 0}, "convolutions_per_block=0 must be an integer"),
    ],
)
def test_what_does_not_go_together_is_named(parameters, words):
    with pytest.raises(ValueError, match=words):
        build(**parameters)
