"""Convolutions and poolings of every geometry, for hypothesis."""

from hypothesis import assume
from hypothesis import strategies as st

from skcnn.layers import AveragePool, Conv, MaxPool


def tuples(draw, rank, most):
    return tuple(draw(st.integers(1, most)) for _ in range(rank))


def same_pads(n, kernel, stride):
    """Add zeros one at a time, the first at the end, until ceil(n / stride) windows fit."""
    pads = [0, 0]
    while (n + sum(pads) - kernel) // stride + 1 < -(-n // stride):
        pads[1 if pads[0] == pads[1] else 0] += 1
    return tuple(pads)


def resolve(padding, lengths, kernel, stride):
    """Padding as a pair for each axis, independently of skcnn._engine.convolution.geometry."""
    if padding == "valid":
        return [(0, 0)] * len(lengths)
    if padding == "same":
        return [same_pads(*each) for each in zip(lengths, kernel, stride, strict=True)]
    if isinstance(padding, int):
        return [(padding, padding)] * len(lengths)
    return [(p, p) if isinstance(p, int) else p for p in padding]


@st.composite
def convolutions(draw):
    """A convolution, its input shape, and its geometry one value an axis."""
    rank = draw(st.integers(1, 3))
    lengths, kernel, stride = (tuples(draw, rank, most) for most in (7, 4, 3))
    dilation = draw(st.one_of(st.just((1,) * rank), st.tuples(*[st.integers(1, 3)] * rank)))
    extents = tuple(range(0, k * d, d)[-1] + 1 for k, d in zip(kernel, dilation, strict=True))
    pair = st.tuples(st.integers(-2, 3), st.integers(-2, 3))
    padding = draw(
        st.one_of(
            st.sampled_from(["same", "valid", 0, 1, 2]),
            st.tuples(*[st.one_of(st.integers(0, 2), pair)] * rank).filter(
                lambda value: any(isinstance(part, tuple) for part in value)
            ),
        )
    )
    pads = resolve(padding, lengths, extents, stride)
    assume(all(n + b + a >= k for n, (b, a), k in zip(lengths, pads, extents, strict=True)))
    assume(
        all(
            -b < n and -a < n and n + min(b, 0) + min(a, 0) > 0
            for n, (b, a) in zip(lengths, pads, strict=True)
        )
    )
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    channels, filters = groups * draw(st.integers(1, 3)), groups * draw(st.integers(1, 3))
    layer = Conv(filters, kernel, stride, padding, dilation=dilation, groups=groups)
    return layer, (*lengths[:-1], channels, lengths[-1]), stride, pads


@st.composite
def poolings(draw, kinds=(MaxPool, AveragePool)):
    """A pooling and its input shape."""
    rank = draw(st.integers(1, 3))
    lengths, layer = tuples(draw, rank, 7), draw(poolings_of(rank, kinds))
    return layer, (*lengths[:-1], draw(st.integers(1, 2)), lengths[-1])


@st.composite
def poolings_of(draw, rank, kinds=(MaxPool, AveragePool)):
    """A pooling of so many spatial axes."""
    stride = draw(st.sampled_from([None, "any"])) and tuples(draw, rank, 4)
    return draw(st.sampled_from(kinds))(tuples(draw, rank, 4), stride)
