"""Whatever makes a network faster can be switched off, and the same numbers come out."""

from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import Phase, given, reject, settings
from hypothesis import strategies as st

from skcnn import ScratchCNNClassifier, network
from skcnn._engine import block_length
from skcnn._engine.convolution import choose
from skcnn._engine.plan import ExecutionPlan, Step
from skcnn._training import gradient, prediction
from skcnn.layers import (
    GELU,
    AveragePool,
    BatchNorm,
    Bias,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool,
    Logistic,
    MaxPool,
    Parallel,
    ReLU,
    Residual,
    SiLU,
    SpatialDropout,
    Tanh,
    Workspace,
    chain,
    conv,
)
from skcnn.optimizers import SGD


@st.composite
def containers(draw, smooth):
    """A layer made of layers, for feature maps of any shape."""
    filters = draw(st.integers(1, 4))
    body = [Conv(filters, 3), draw(smooth), BatchNorm(), draw(st.sampled_from([GELU(), SiLU()]))]
    body = body[: draw(st.integers(1, 4))] + [Dropout(0.2), MaxPool(1)][: draw(st.integers(0, 2))]
    if draw(st.booleans()):
        return Residual([draw(smooth), Residual(body), *body])
    return Parallel([[], body, [draw(smooth), Residual(body), MaxPool(1)]])


@st.composite
def architectures(draw):
    """Layers of any kind and order, and the shape of their images, channels last."""
    rank = draw(st.integers(1, 3))
    least = {1: 8, 2: 6, 3: 4}[rank]
    shape = tuple(draw(st.integers(least, least + 5)) for _ in range(rank))
    smooth = st.sampled_from([Tanh(), Logistic()])
    layers = []
    for number in range(draw(st.integers(1, 2))):
        layers.append(
            Conv(
                draw(st.integers(1, 6)),
                draw(st.integers(1, 4)),
                draw(st.sampled_from([1, 1, 1, 2])),
                "same" if number else draw(st.sampled_from(["same", "valid", 1])),
                use_bias=draw(st.booleans()),
                dilation=draw(st.sampled_from([1, 1, 2])),
            )
        )
        # A window of zeros alone, as ReLU and dropout make them, gives 0 or a rounding error of
        # Winograd's: a second ReLU would have its kink there.
        block = [
            draw(smooth if number else st.sampled_from([ReLU(), Tanh(), Logistic()])),
            draw(st.sampled_from([MaxPool(2), MaxPool(3, 2), AveragePool(2), MaxPool(1)])),
            draw(st.sampled_from([BatchNorm(), Bias(), SpatialDropout(0.3), Dropout(0.2), Tanh()])),
        ]
        layers += draw(st.permutations(block))[: draw(st.integers(1, 3))]
        if draw(st.integers(0, 2)) == 0:
            layers.append(draw(containers(smooth)))
    layers.append(draw(st.sampled_from([Flatten(), Flatten(), GlobalAveragePool()])))
    if draw(st.booleans()):
        layers += [Dense(draw(st.integers(1, 12))), draw(smooth)]
    channels = draw(st.integers(1, 3)) if rank > 1 else 1
    try:
        network.Network(tuple(layers), (*shape[:-1], channels, shape[-1]))
    except ValueError:  # a window is larger than what it slides over
        reject()
    return tuple(layers), (*shape, channels) if rank > 1 else shape


def plan_as_asked(layers, input_shape):
    return ExecutionPlan(
        tuple(Step(layer, number) for number, layer in enumerate(layers)), input_shape
    )


def workspaces_without_in_place(self, rng=None, *, in_place=False):
    return [Workspace(rng) for _ in self._plan.steps]


# A switch: what is set, on what, and whether bits stay the same.
SWITCHES = {
    "Winograd": ([(choose, "LEAST_GAIN", 0)], False),
    "execution plan": ([(chain, "make_plan", plan_as_asked)], False),
    "in-place prediction": (
        [(network.Network, "workspaces", workspaces_without_in_place)],
        True,
    ),
    "remembered views": (
        [
            (Workspace, "views", lambda self, name, array, make: make(array)),
            (Workspace, "once", lambda self, key, make: make()),
        ],
        True,
    ),
    "reused buffers": (
        [(Workspace, "buffer", lambda self, name, shape, dtype: np.full(shape, np.nan, dtype))],
        True,
    ),
    "blocks": ([(block_length, "has_small_kernels", lambda: False)], False),
    "threads": ([], True),
}


@contextmanager
def switched(settings_of_modules):
    """Set attributes, and forget the choices that follow from them, before and after."""
    forget = (
        conv._algorithm.cache_clear,
        block_length.block_length.cache_clear,
        chain._known_chain.cache_clear,
    )
    with pytest.MonkeyPatch.context() as patch:
        for owner, name, value in settings_of_modules:
            patch.setattr(owner, name, value)
        for clear in forget:
            clear()
        yield
    for clear in forget:
        clear()


def trained(case, n_jobs):
    """Return the parameters, the state and the probabilities that a fit ends with."""
    layers, image_shape, seed, augment = case
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((72, *image_shape))
    y = rng.integers(0, 3, len(X))
    model = ScratchCNNClassifier(
        layers=layers,
        image_shape=image_shape,
        solver=SGD(momentum=0.5),
        learning_rate=0.01,
        batch_size=66,
        max_iter=1,
        augment=augment,
        n_jobs=n_jobs,
        random_state=seed,
    )
    model.fit(X, y, sample_weight=rng.uniform(0.5, 2, len(X)))
    fitted = model.network_
    return fitted.parameters, fitted.state, model.predict_proba(X[:40]), model.predict_proba(X[:3])


def flipped(x, rng):
    """Flip half of the images along their last axis."""
    x[..., rng.random(x.shape[-1]) < 0.5] *= -1
    return x


@pytest.mark.thread_unsafe(reason="sets attributes of modules")
@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
@settings(max_examples=50, phases=[Phase.explicit, Phase.generate])
@given(architectures(), st.integers(0, 2**31 - 1), st.booleans())
def test_every_switch_that_is_off_leaves_the_same_answers(part, architecture, seed, augmented):
    case = (*architecture, seed, flipped if augmented else None)
    everything_on = [
        (block_length, "has_small_kernels", lambda: True),  # also where BLAS has none
        (block_length, "MOST_MULTIPLY_ADDS", 20_000),
        (gradient, "MICRO_BATCH_MULTIPLY_ADDS", 0),  # the split follows from the plan otherwise
        (gradient, "SHARED_MULTIPLY_ADDS", 0),
        (prediction, "CHUNK_IMAGES", (8, 16)),
    ]
    with switched(everything_on):
        expected = trained(case, n_jobs=1)
    for name, (off, same_bits) in SWITCHES.items():
        with switched([*everything_on, *off]):
            got = trained(case, n_jobs=2 if name == "threads" else 1)
        for one, other in zip(expected, got, strict=True):
            if same_bits:
                assert one.tobytes() == other.tobytes(), name
            else:
                np.testing.assert_allclose(other, one, rtol=1e-7, atol=1e-9, err_msg=name)
