import weakref

import numpy as np

from skcnn._engine.workspace import Workspace


def test_the_same_buffer_comes_back_with_what_was_in_it():
    workspace = Workspace()
    first = workspace.buffer("y", (3, 4), np.float32)
    first[:] = 7
    again = workspace.buffer("y", (3, 4), np.float32)
    assert again is first
    assert (again == 7).all()


def test_buffers_are_contiguous_and_of_the_asked_shape_and_dtype():
    workspace = Workspace()
    for shape in [(4, 5), (2, 5), (4, 6), ()]:
        for dtype in (np.float32, np.float64, np.bool_):
            buffer = workspace.buffer("y", shape, dtype)
            assert (buffer.shape, buffer.dtype) == (shape, dtype)
            assert buffer.flags.c_contiguous
            assert buffer.flags.writeable


def test_memory_is_shared_with_a_shorter_batch_and_with_nothing_else():
    workspace, other = Workspace(), Workspace()
    longer = workspace.buffer("y", (3, 10), np.float64)
    assert np.shares_memory(longer, workspace.buffer("y", (3, 7), np.float64))
    assert workspace.buffer("y", (3, 10), np.float64) is longer
    assert not np.shares_memory(longer, workspace.buffer("dx", (3, 10), np.float64))
    assert not np.shares_memory(longer, other.buffer("y", (3, 10), np.float64))
    larger = workspace.buffer("y", (100,), np.float64)
    larger[:] = 2  # it is whole
    assert larger.sum() == 200


def test_memory_that_is_too_small_is_let_go():
    workspace, made = Workspace(), []

    def make(array):
        made.append(array.shape)
        return array[0]

    smaller = workspace.buffer("y", (42, 10), np.float64)
    other = workspace.buffer("y", (5,), np.float32)  # memory of its own
    workspace.views("y", smaller, make)
    gone = weakref.ref(smaller)
    del smaller
    larger = workspace.buffer("y", (43, 10), np.float64)
    assert gone() is None
    larger[:] = 3  # what is in new memory may be NaN
    again = workspace.buffer("y", (42, 10), np.float64)
    assert np.shares_memory(larger, again)
    assert workspace.buffer("y", (42, 10), "float64").tolist() == again.tolist()
    assert workspace.buffer("y", (5,), np.float32) is other
    assert np.shares_memory(workspace.views("y", again, make), again)
    assert made == [(42, 10)] * 2


def test_views_are_made_once_for_each_array():
    workspace, made = Workspace(), []

    def rows(array):
        made.append(array)
        return [array[0], array[1]]

    a, b, wide = np.zeros((2, 3)), np.ones((2, 3)), np.zeros((2, 4))
    first = workspace.views("x", a, rows)
    assert workspace.views("x", wide, rows) is not first
    assert workspace.views("x", a, rows) is first  # another shape leaves it alone
    assert workspace.views("y", a, rows) is not first
    assert (workspace.views("x", b, rows)[0] == 1).all()
    assert workspace.views("x", a, rows) is not first
    assert len(made) == 5


def test_only_what_is_not_contiguous_is_copied():
    workspace, x = Workspace(), np.arange(6.0).reshape(2, 3)
    assert workspace.contiguous("x", x) is x
    copy = workspace.contiguous("x", x.T)
    assert copy.flags.c_contiguous
    np.testing.assert_array_equal(copy, x.T)
    x[0, 1] = 7
    np.testing.assert_array_equal(workspace.contiguous("x", x.T), x.T)


def test_what_is_made_once_is_kept_by_its_key():
    workspace, made = Workspace(), []

    def make():
        made.append(1)
        return ["made", len(made)]

    first = workspace.once(("a", 1), make)
    assert workspace.once(("a", 1), make) is first
    assert workspace.once(("a", 2), make) is not first
    assert len(made) == 2


def test_the_generator_is_the_given_one():
    rng = np.random.default_rng(0)
    assert Workspace(rng).rng is rng
    assert Workspace().rng is None


def test_an_output_is_in_a_buffer_or_in_place():
    x = np.ones((2, 3), np.float32)
    own = Workspace()
    y = own.output(x)
    assert (y.shape, y.dtype) == (x.shape, x.dtype)
    assert not np.shares_memory(y, x)
    assert own.output(x) is y
    assert Workspace(in_place=True).output(x) is x


def test_a_part_has_memory_of_its_own_and_the_same_generator():
    workspace = Workspace(np.random.default_rng(0))
    part = workspace.part("function")
    assert part is workspace.part("function") is not workspace.part("other")
    assert part.rng is workspace.rng
    workspace.rng = np.random.default_rng(1)
    assert workspace.part("function").rng is workspace.rng
    own = workspace.buffer("y", (3,), np.float64)
    assert not np.shares_memory(own, part.buffer("y", (3,), np.float64))


def test_an_output_has_a_name_that_no_layer_gives():
    workspace, x = Workspace(), np.ones((2, 3))
    assert not np.shares_memory(workspace.output(x), workspace.buffer("y", x.shape, x.dtype))


def test_output_is_in_place_but_for_what_is_kept():
    x, other = np.zeros((3, 4)), np.zeros((3, 4))
    assert Workspace(in_place=True).output(x) is x
    assert not np.shares_memory(Workspace().output(x), x)
    for part in Workspace(in_place=True).parts("body", 2, kept=x):
        assert part.output(other) is other
        for view in (x, x.reshape(-1), x[1:], x[:, ::2]):
            assert not np.shares_memory(part.output(view), x)
    for part in Workspace().parts("body", 2, kept=x):
        assert not np.shares_memory(part.output(other), other)


def test_parts_are_the_same_from_call_to_call_and_have_the_generator_of_the_owner():
    x, rng = np.zeros(3), np.random.default_rng(0)
    workspace = Workspace()
    first = workspace.parts("body", 2, kept=x)
    workspace.rng = rng
    again = workspace.parts("body", 2, kept=x)
    assert len({*map(id, first)}) == 2
    assert [*map(id, first)] == [*map(id, again)]
    assert all(part.rng is rng for part in again)
    assert not {*map(id, first)} & {*map(id, workspace.parts("shortcut", 2, kept=x))}
