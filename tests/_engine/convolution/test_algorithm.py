"""What all algorithms have in common: the same convolution, its adjoints, costs that say little."""

import numpy as np
import pytest

from skcnn._engine.convolution.algorithm import Algorithm
from skcnn._engine.convolution.geometry import Axis, sliding_axes
from skcnn._engine.convolution.im2col import Im2col
from skcnn._engine.convolution.matmuls import MatrixAlgorithm, height_of
from skcnn._engine.convolution.winograd import Winograd
from skcnn._engine.workspace import Workspace

AXES = sliding_axes((7, 9), (3, 3), (1, 1), "same")
ALGORITHMS = [
    Im2col(AXES, 2, 5),
    Im2col(AXES, 2, 5, interleave=3),
    Winograd(AXES, 2, 5, tile=2),
    Winograd(AXES, 2, 5, tile=4),
    Winograd(AXES, 2, 5, interleave=3, tile=3),
]
NAMES = ["copies", "interleaved", "F(2, 3)", "F(4, 3)", "F(3, 3), interleaved"]


def outputs(algorithm, x, weights):
    return algorithm.forward(x, weights, Workspace())[0].copy()


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=NAMES)
def test_every_algorithm_is_the_plain_sum(algorithm, global_random_seed):
    rng = np.random.default_rng(global_random_seed)
    x, weights = rng.standard_normal((7, 2, 9, 6)), rng.standard_normal((3, 3, 2, 5))
    padded = np.pad(x, ((1, 1), (0, 0), (1, 1), (0, 0)))
    expected = sum(
        np.einsum("cf,hcwn->hfwn", weights[i, j], padded[i : i + 7, :, j : j + 9])
        for i in range(3)
        for j in range(3)
    )
    columns = np.arange(9).reshape(-1, algorithm.interleave).T.ravel()
    np.testing.assert_allclose(
        outputs(algorithm, x, weights), expected[:, :, columns], rtol=1e-9, atol=1e-10
    )


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=NAMES)
def test_the_gradient_for_the_input_is_the_adjoint_of_its_transform(algorithm, global_random_seed):
    rng, workspace = np.random.default_rng(global_random_seed), Workspace()
    x = rng.standard_normal((7, 2, 9, 6))
    transformed = algorithm.transform_input(x, workspace).copy()
    d_transformed = algorithm.input_gradient_buffer(np.empty((7, 5, 9, 6)), workspace)
    d_transformed[:] = rng.standard_normal(d_transformed.shape)
    sums = np.vdot(d_transformed, transformed)
    dx = algorithm.input_gradient(d_transformed, workspace)
    assert np.vdot(dx, x) == pytest.approx(sums, rel=1e-10)


def test_signals_have_a_height_of_one():
    side = Axis(9, 3)
    assert height_of((side,)) == Axis(1, 1)
    assert height_of((Axis(5, 2), side)) == Axis(5, 2)


def test_an_algorithm_must_say_what_it_does():
    x, weights = np.zeros((7, 2, 9, 6)), np.zeros((3, 3, 2, 5))
    with pytest.raises(NotImplementedError):
        Algorithm(AXES, 2, 5).forward(x, weights, Workspace())
    with pytest.raises(NotImplementedError):
        Algorithm(AXES, 2, 5).backward(x, None, weights, Workspace(), need_dx=True)
    with pytest.raises(NotImplementedError):
        MatrixAlgorithm(AXES, 2, 5).transform_input(x, Workspace())
