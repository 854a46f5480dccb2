"""The networks and optimizers that PyTorch is asked about, as plain data."""

from typing import Any

# Decay spares biases, and what batch normalization scales and shifts by.
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "plain SGD": {"optimizer": "SGD", "learning_rate": 0.05, "momentum": 0.0},
    "SGD with weight decay": {
        "optimizer": "SGD", "learning_rate": 0.05, "momentum": 0.0, "weight_decay": 0.3,
    },
    "SGD with momentum": {
        "optimizer": "SGD", "learning_rate": 0.03, "momentum": 0.9, "nesterov": False,
    },
    "SGD with Nesterov momentum": {
        "optimizer": "SGD", "learning_rate": 0.03, "momentum": 0.8, "nesterov": True,
    },
    "Adam": {"optimizer": "Adam", "learning_rate": 0.01},
    "AdamW": {
        "optimizer": "Adam", "learning_rate": 0.02, "weight_decay": 0.2,
        "beta_1": 0.8, "beta_2": 0.98, "epsilon": 1e-3,
    },
}  # fmt: skip


def layer(name: str, **options: Any) -> dict[str, Any]:
    """Describe a layer by the name and the parameters that it has in skcnn."""
    return {"layer": name, **options}


RELU, TANH, LOGISTIC = layer("ReLU"), layer("Tanh"), layer("Logistic")
FLATTEN, BIAS = layer("Flatten"), layer("Bias")
CROSS_ENTROPY = {"loss": "CrossEntropy"}
SMOOTHED = {"loss": "CrossEntropy", "label_smoothing": 0.1}
SQUARED, ABSOLUTE = {"loss": "SquaredError"}, {"loss": "AbsoluteError"}

# Input shapes are (channels, *lengths); the last layer gives classes or numbers.
SIGNALS: list[dict[str, Any]] = [
    {
        "name": "signal, same padding, max pooling with a leftover",
        "input_shape": (2, 13), "n_samples": 10, "loss": CROSS_ENTROPY,
        "layers": [
            layer("Conv", n_filters=3, filter_size=4), RELU, layer("MaxPool", pool_size=2),
            FLATTEN, layer("Dense", n_units=4),
        ],
    },
    {
        "name": "signal, stride, same padding, overlapping average pooling",
        "input_shape": (1, 17), "n_samples": 6, "loss": SMOOTHED,
        "layers": [
            layer("Conv", n_filters=3, filter_size=6, stride=3), TANH,
            layer("AveragePool", pool_size=3, stride=2), FLATTEN, layer("Dense", n_units=3),
        ],
    },
    {
        "name": "signal with ties in overlapping max pooling",
        "input_shape": (2, 12), "n_samples": 9, "loss": SQUARED, "input_values": "0, 1 or 2",
        "layers": [
            layer("MaxPool", pool_size=3, stride=2),
            layer("Conv", n_filters=3, filter_size=2, padding="valid"), LOGISTIC, FLATTEN,
            layer("Dense", n_units=1),
        ],
    },
    {
        "name": "signal with ties in max pooling with gaps, explicit padding, batch normalization",
        "input_shape": (3, 14), "n_samples": 8, "loss": SMOOTHED, "input_values": "0, 1 or 2",
        "layers": [
            layer("MaxPool", pool_size=2, stride=3), layer("BatchNorm", momentum=0.7),
            layer("Conv", n_filters=4, filter_size=3, padding=((3, 1),)), LOGISTIC,
            layer("MaxPool", pool_size=9), FLATTEN, layer("Dense", n_units=3),
        ],
    },
]  # fmt: skip
IMAGES: list[dict[str, Any]] = [
    {
        "name": "image, one block and a hidden layer",
        "input_shape": (1, 8, 7), "n_samples": 12, "loss": CROSS_ENTROPY,
        "layers": [
            layer("Conv", n_filters=3, filter_size=3), RELU, layer("MaxPool", pool_size=2),
            FLATTEN, layer("Dense", n_units=7), RELU, layer("Dense", n_units=4),
        ],
    },
    {
        "name": "image, one block and a hidden layer, batch normalization before leftovers",
        "input_shape": (2, 7, 10), "n_samples": 12, "loss": CROSS_ENTROPY,
        "layers": [
            layer("Conv", n_filters=4, filter_size=(3, 2), use_bias=False),
            layer("BatchNorm"), TANH,
            layer("MaxPool", pool_size=(2, 3)), FLATTEN,
            layer("Dense", n_units=5, use_bias=False), layer("BatchNorm"), TANH,
            layer("Dense", n_units=3),
        ],
    },
    {
        "name": "image, few samples, filters and strides that differ by axis",
        "input_shape": (3, 7, 6), "n_samples": 5, "loss": SMOOTHED, "weighted": True,
        "layers": [
            layer("Conv", n_filters=4, filter_size=(3, 2), padding="valid"), TANH,
            layer("Conv", n_filters=3, filter_size=(2, 3), stride=(2, 1)), RELU,
            layer("AveragePool", pool_size=(2, 1)), FLATTEN, layer("Dense", n_units=4),
        ],
    },
    {
        "name": "image, asymmetric padding that also crops, strides",
        "input_shape": (2, 6, 8), "n_samples": 9, "loss": CROSS_ENTROPY, "weighted": True,
        "layers": [
            layer("Conv", n_filters=4, filter_size=(3, 4), stride=(1, 2), padding=((2, 0), (0, 3))),
            LOGISTIC,
            layer("Conv", n_filters=3, filter_size=(2, 3), padding=((1, -2), (2, 1))), TANH,
            layer("Conv", n_filters=2, filter_size=2, padding=1), FLATTEN,
            layer("Dense", n_units=3),
        ],
    },
    {
        "name": "image, overlapping max pooling, average pooling with leftovers",
        "input_shape": (1, 9, 10), "n_samples": 8, "loss": CROSS_ENTROPY,
        "layers": [
            layer("Conv", n_filters=3, filter_size=(1, 5)),
            layer("MaxPool", pool_size=(3, 2), stride=(2, 1)), RELU,
            layer("Conv", n_filters=4, filter_size=(4, 1)),
            layer("AveragePool", pool_size=(3, 2)), FLATTEN, layer("Dense", n_units=3),
        ],
    },
    {
        "name": "image, bias as a layer, batch normalization, max pooling that covers all columns",
        "input_shape": (2, 6, 12), "n_samples": 11, "loss": SMOOTHED,
        "layers": [
            layer("Conv", n_filters=4, filter_size=3, use_bias=False), BIAS, RELU,
            layer("MaxPool", pool_size=2),
            layer("Conv", n_filters=3, filter_size=(2, 3), use_bias=False),
            layer("BatchNorm", momentum=0.85), TANH, layer("MaxPool", pool_size=(1, 3)), FLATTEN,
            layer("Dense", n_units=4),
        ],
    },
    {
        "name": "image, windows clipped to short axes, two numbers by absolute error",
        "input_shape": (1, 3, 8), "n_samples": 10, "loss": ABSOLUTE, "weighted": True,
        "layers": [
            layer("Conv", n_filters=3, filter_size=(2, 7), padding="valid"), LOGISTIC,
            layer("MaxPool", pool_size=(4, 2)), FLATTEN, layer("Dense", n_units=6), TANH,
            layer("Dense", n_units=2),
        ],
    },
    {
        "name": "image, batch normalization before and after, three numbers by squared error",
        "input_shape": (3, 5, 6), "n_samples": 7, "loss": SQUARED, "weighted": True,
        "layers": [
            layer("BatchNorm", momentum=0.5, epsilon=0.01),
            layer("Conv", n_filters=3, filter_size=3, stride=2, use_bias=False),
            layer("BatchNorm", momentum=0.8), TANH, FLATTEN, layer("Dense", n_units=3),
        ],
    },
]  # fmt: skip
VOLUMES: list[dict[str, Any]] = [
    {
        "name": "volume, same padding, max pooling with leftovers",
        "input_shape": (2, 4, 3, 5), "n_samples": 8, "loss": CROSS_ENTROPY,
        "layers": [
            layer("Conv", n_filters=3, filter_size=(2, 3, 2)), RELU,
            layer("MaxPool", pool_size=(2, 2, 3)), FLATTEN, layer("Dense", n_units=3),
        ],
    },
    {
        "name": "volume, overlapping max pooling",
        "input_shape": (1, 4, 5, 4), "n_samples": 7, "loss": CROSS_ENTROPY,
        "layers": [
            layer("Conv", n_filters=2, filter_size=2),
            layer("MaxPool", pool_size=(2, 3, 2), stride=1), TANH, FLATTEN,
            layer("Dense", n_units=3),
        ],
    },
    {
        "name": "volume, strides, asymmetric padding, batch normalization, average pooling",
        "input_shape": (1, 4, 5, 4), "n_samples": 6, "loss": SMOOTHED, "weighted": True,
        "layers": [
            layer(
                "Conv", n_filters=3, filter_size=(3, 2, 3), stride=(1, 2, 1),
                padding=(1, (0, 1), (2, 0)), use_bias=False,
            ),
            layer("BatchNorm", momentum=0.6, epsilon=0.001), TANH,
            layer("AveragePool", pool_size=2, stride=(2, 1, 2)),
            layer("Conv", n_filters=2, filter_size=2, padding="valid"), FLATTEN,
            layer("Dense", n_units=3),
        ],
    },
]  # fmt: skip
FEATURES: list[dict[str, Any]] = [
    {
        "name": "features, dense layers with batch normalization",
        "input_shape": (128,), "n_samples": 9, "loss": CROSS_ENTROPY, "weighted": True,
        "layers": [
            layer("Dense", n_units=5, use_bias=False), layer("BatchNorm", momentum=0.95), RELU,
            layer("Dense", n_units=6), TANH, layer("Dense", n_units=3),
        ],
    },
]  # fmt: skip
GELU, SILU, NORM = layer("GELU"), layer("SiLU"), layer("BatchNorm")
AVERAGE, MAXIMUM = layer("GlobalAveragePool"), layer("GlobalMaxPool")


def conv(n_filters: int, filter_size: Any = 3, **options: Any) -> dict[str, Any]:
    """Describe a convolution."""
    return layer("Conv", n_filters=n_filters, filter_size=filter_size, **options)


def normalized(n_filters: int, filter_size: Any = 3, **options: Any) -> list[dict[str, Any]]:
    """Describe a convolution without bias, and batch normalization."""
    return [conv(n_filters, filter_size, use_bias=False, **options), NORM]


NESTED: list[dict[str, Any]] = [
    {
        "name": "signal, leaky ReLU and ELU, global average pooling",
        "input_shape": (1, 9), "n_samples": 8, "loss": CROSS_ENTROPY,
        "layers": [
            conv(2), layer("LeakyReLU", negative_slope=0.2), conv(3, 2), layer("ELU", alpha=0.7),
            conv(2, 2), layer("LeakyReLU"), layer("ELU"), AVERAGE, layer("Dense", n_units=3),
        ],
    },
    {
        "name": "image, GELU and SiLU, global max pooling",
        "input_shape": (1, 5, 6), "n_samples": 8, "loss": SMOOTHED, "weighted": True,
        "layers": [
            conv(2), GELU, layer("MaxPool", pool_size=2), conv(3, 2), SILU,
            conv(4, 1), layer("GELU", approximate=True), MAXIMUM, layer("Dense", n_units=3),
        ],
    },
    {
        "name": "image, global max pooling after a bias and an increasing activation",
        "input_shape": (1, 5, 4), "n_samples": 7, "loss": CROSS_ENTROPY,
        "layers": [conv(3), TANH, MAXIMUM, layer("Dense", n_units=3)],
    },
    {
        "name": "volume, residual blocks without batch normalization",
        "input_shape": (2, 2, 3, 4), "n_samples": 6, "loss": SQUARED,
        "layers": [
            layer("Residual", layers=[conv(1, 2), GELU, conv(2, 2)], shortcut="identity"), TANH,
            layer("Residual", layers=[conv(3, 2, stride=2), layer("ELU"), conv(3, 1)]),
            AVERAGE, layer("Dense", n_units=2),
        ],
    },
    {
        "name": "image, residual blocks with batch normalization",
        "input_shape": (1, 7, 6), "n_samples": 8, "loss": CROSS_ENTROPY,
        "layers": [
            *normalized(2), RELU,
            layer("Residual", layers=[*normalized(2), RELU, *normalized(2, 2)]), RELU,
            layer("Residual", layers=[*normalized(3, stride=2), RELU, *normalized(3, 2)]), RELU,
            AVERAGE, layer("Dense", n_units=3),
        ],
    },
    {
        "name": "signal, residual blocks that begin with batch normalization, a given shortcut",
        "input_shape": (2, 10), "n_samples": 7, "loss": SMOOTHED, "weighted": True,
        "layers": [
            layer("Residual", layers=[NORM, TANH, *normalized(2, 5), SILU, conv(2)]),
            layer(
                "Residual", layers=[*normalized(3), TANH, layer("MaxPool", pool_size=2)],
                shortcut=[layer("AveragePool", pool_size=2), conv(3, 1)],
            ),
            AVERAGE, layer("Dense", n_units=3),
        ],
    },
    {
        "name": "image, parallel branches, one with a residual block, one empty",
        "input_shape": (2, 5, 8), "n_samples": 6, "loss": CROSS_ENTROPY,
        "layers": [
            layer("Parallel", branches=[
                [conv(1, 1)], [conv(1, 1), RELU, conv(2)], [conv(1, 1), RELU, conv(1, 5)], [],
            ]),
            TANH, layer("MaxPool", pool_size=2),
            layer("Parallel", branches=[
                [conv(2, 2), TANH, layer("MaxPool", pool_size=2)],
                [*normalized(2, 2, stride=2),
                 layer("Residual", layers=[conv(2, 1), GELU, conv(2, 2)])],
            ]),
            layer("Parallel", branches=[[AVERAGE], [MAXIMUM]]), layer("Dense", n_units=3),
        ],
    },
    {
        "name": "features, residual block in a residual block, parallel branches",
        "input_shape": (6,), "n_samples": 9, "loss": SQUARED, "weighted": True,
        "layers": [
            layer("Dense", n_units=4),
            layer("Residual", layers=[
                layer("Residual", layers=[layer("Dense", n_units=3, use_bias=False), NORM, TANH]),
                layer("ELU"), layer("Dense", n_units=4),
            ], shortcut="identity"),
            layer("Parallel", branches=[[layer("Dense", n_units=2), TANH], [], [SILU]]),
            layer("Dense", n_units=2),
        ],
    },
]  # fmt: skip
NETWORKS = [*SIGNALS, *IMAGES, *VOLUMES, *FEATURES, *NESTED]
