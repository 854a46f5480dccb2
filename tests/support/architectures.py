"""What tests of architectures have in common."""

from math import prod

import numpy as np
from sklearn.datasets import load_digits

from skcnn import ScratchCNNClassifier
from skcnn.layers import Dense, Flatten


def count_parameters(layers, input_shape, n_outputs):
    """Return the number of parameters with the output layer, without memory for them."""
    *leading, _, last = input_shape
    layers = [layer.narrowed((*leading, last)) for layer in layers]
    total, shape = 0, input_shape
    for layer in layers:
        total += sum(map(prod, layer.parameter_shapes(shape).values()))
        shape = layer.output_shape(shape)
    if len(shape) > 1:
        shape = Flatten().output_shape(shape)
    return total + sum(map(prod, Dense(n_outputs).parameter_shapes(shape).values()))


def learns_digits(layers):
    """Assert that a few epochs tell digits apart, and that samples are predicted one by one."""
    X, y = load_digits(return_X_y=True)
    X = X.astype(np.float32)
    model = ScratchCNNClassifier(
        layers=layers, max_iter=12, learning_rate=0.01, random_state=0
    ).fit(X[:600], y[:600])
    assert model.score(X[600:1200], y[600:1200]) > 0.6
    np.testing.assert_allclose(
        model.predict_proba(X[:1]), model.predict_proba(X[:5])[:1], atol=1e-5
    )
