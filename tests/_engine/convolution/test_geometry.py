from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from skcnn._engine.convolution.geometry import Axis, Rows, outside, sliding_axes, stacked_rows

quick = settings(max_examples=50, deadline=None, derandomize=True)


@st.composite
def axes(draw, most_dilation=1):
    axis = Axis(
        draw(st.integers(1, 8)),
        draw(st.integers(1, 5)),
        draw(st.integers(1, 4)),
        draw(st.integers(-3, 4)),
        draw(st.integers(-3, 4)),
        draw(st.integers(1, most_dilation)),
    )
    assume(axis.length + axis.before + axis.after >= 1 + (axis.kernel - 1) * axis.dilation)
    return axis


def span(axis):
    return len(range((axis.kernel - 1) * axis.dilation + 1))


def reads(axis):
    """Every (output, position, element) where a window reads a real element, window by window."""
    found = set()
    for output, start in enumerate(
        range(-axis.before, axis.length + axis.after - span(axis) + 1, axis.stride)
    ):
        for position in range(axis.kernel):
            element = start + position * axis.dilation
            if 0 <= element < axis.length:
                found.add((output, position, element))
    return found


def neighbors_differ(groups):
    """Whether groups could not be fewer."""
    return all(one.positions != other.positions for one, other in pairwise(groups))


@quick
@given(axes(most_dilation=3))
def test_output_counts_the_windows_that_fit(axis):
    starts = range(-axis.before, axis.length + axis.after - span(axis) + 1, axis.stride)
    assert axis.output == len(starts)
    assert axis.reach == starts[-1] + span(axis) + axis.before


@quick
@given(axes(most_dilation=3))
def test_kernel_positions_read_what_windows_read(axis):
    found = set()
    for j in range(axis.kernel):
        position = axis.kernel_position(j)
        outputs = range(axis.output)[position.target]
        elements = range(axis.length)[position.source]
        found |= {(o, j, e) for o, e in zip(outputs, elements, strict=True)}
    assert found == reads(axis)


@quick
@given(axes())
def test_forward_rows_cover_every_output_once_and_read_what_windows_read(axis):
    found, outputs = set(), []
    for rows in axis.forward_rows():
        positions = range(axis.kernel)[rows.positions]
        for index, output in enumerate(range(axis.output)[rows.target]):
            outputs.append(output)
            start = rows.first + index * rows.step
            found |= {(output, position, start + i) for i, position in enumerate(positions)}
    assert outputs == list(range(axis.output))
    assert found == reads(axis)
    assert neighbors_differ(axis.forward_rows())


@quick
@given(axes())
def test_backward_rows_cover_every_element_once_and_find_who_read_it(axis):
    found, elements = set(), []
    for phase, groups in axis.backward_rows():
        last_to_first = range(phase, axis.kernel, axis.stride)[::-1]
        for rows in groups:
            positions = last_to_first[rows.positions]
            for index, element in enumerate(range(axis.length)[rows.target]):
                elements.append(element)
                first = rows.first + index * rows.step
                found |= {(first + i, position, element) for i, position in enumerate(positions)}
    assert sorted(elements) == list(range(axis.length))
    assert found == reads(axis)
    assert all(neighbors_differ(groups) for _, groups in axis.backward_rows())


def test_windows_step_by_one_without_padding_unless_told():
    assert Axis(8, 3) == Axis(8, 3, stride=1, before=0, after=0)


def test_rows_without_kernel_positions_are_empty():
    assert Rows(slice(0, 1), first=0, step=1, positions=slice(2, 2)).is_empty is True
    assert Rows(slice(0, 1), first=0, step=1, positions=slice(2, 3)).is_empty is False


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("columns", [3, 5])
@pytest.mark.parametrize("lead", [(), (2,), (2, 3)])
def test_stacked_rows_are_neighbors_one_behind_the_other(lead, columns, dtype):
    array = np.random.default_rng(0).standard_normal((*lead, 7, 2, columns)).astype(dtype)[..., :3]
    rows = Rows(slice(1, 4), first=1, step=2, positions=slice(1, 3))
    stacked = stacked_rows(array, rows)
    assert stacked.shape == (*lead, 3, 4, 3)
    assert stacked.flags.writeable is array.flags.c_contiguous
    for index in range(3):
        start = 1 + 2 * index
        expected = np.concatenate([array[..., start, :, :], array[..., start + 1, :, :]], axis=-2)
        assert np.array_equal(stacked[..., index, :, :], expected)
    assert np.shares_memory(stacked, array)


@pytest.mark.parametrize(
    ("arguments", "pads"),
    [
        (((5,), (3,), (1,), "valid"), [(0, 0)]),
        (((5,), (3,), (1,), "same"), [(1, 1)]),
        (((5,), (4,), (1,), "same"), [(1, 2)]),
        (((6,), (3,), (2,), "same"), [(0, 1)]),
        (((5,), (3,), (2,), "same"), [(1, 1)]),
        (((6,), (1,), (4,), "same"), [(0, 0)]),
        (((5, 6), (3, 3), (1, 1), 2), [(2, 2), (2, 2)]),
        (((5, 6), (3, 3), (1, 1), (1, 2)), [(1, 1), (2, 2)]),
        (((5, 6), (3, 3), (1, 1), ((1, 2), 0)), [(1, 2), (0, 0)]),
        (((5, 6), (3, 3), (1, 1), ((-1, 0), (0, -3))), [(-1, 0), (0, -3)]),
    ],
)
def test_padding_resolves_to_a_pair_an_axis(arguments, pads):
    assert [(axis.before, axis.after) for axis in sliding_axes(*arguments)] == pads


def test_lengths_kernel_and_stride_of_different_numbers_of_axes_are_refused():
    for arguments in [((4, 4), (3,), (1, 1)), ((4, 4), (3, 3), (1,)), ((4,), (3, 3), (1, 1))]:
        with pytest.raises(ValueError, match=r"shorter|longer"):
            sliding_axes(*arguments, "valid")


def test_a_dilated_kernel_is_as_long_as_it_is_with_its_gaps():
    (axis,) = sliding_axes((9,), (3,), (2,), "same", (3,))
    assert axis == Axis(9, 3, 2, 3, 3, 3)
    assert (axis.extent, axis.output) == (7, 5)


def test_what_is_outside_leaves_out_just_the_box():
    found, box = np.zeros((3, 4, 5), bool), (slice(None), slice(1, 3), slice(0, 2))
    expected = ~found
    expected[box] = False
    for index in outside(box, found.shape):
        found[index] = True
    assert np.array_equal(found, expected)
    assert outside((slice(0, 0),), (3,)) == [(slice(0, None),)]


def test_kernel_larger_than_the_padded_axis_says_so():
    with pytest.raises(ValueError, match=r"filter_size=\(5, 3\).*padding=\(0, 1\).*\(4, 6\)"):
        sliding_axes((4, 4), (5, 3), (1, 1), (0, 1))


@pytest.mark.parametrize(
    "padding",
    ["", "SAME", -1, 1.5, None, True, [1, 1], (1,), (1, 2, 3), ((1, 2, 3), 0), (-1, 0), (1, "a")]
    + [(1, True), ((1, True), 0)],
)
def test_padding_that_is_not_understood_is_named(padding):
    with pytest.raises(ValueError, match=r"padding=.* must be 'same', 'valid'") as caught:
        sliding_axes((4, 4), (2, 2), (1, 1), padding)
    assert f"padding={padding!r}" in str(caught.value)


@quick
@given(axes(), st.integers(1, 4))
def test_a_widened_window_holds_those_of_the_outputs_it_serves(axis, together):
    assume(axis.output % together == 0)
    wide = axis.widened(together)
    assert wide.output * together == axis.output
    found = reads(wide)
    for output, position, element in reads(axis):
        block, number = divmod(output, together)
        assert (block, number * axis.stride + position, element) in found
