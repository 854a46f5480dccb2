import pytest

from skcnn.architectures import resnet
from tests.support.architectures import count_parameters, learns_digits


@pytest.mark.parametrize(
    ("depth", "millions"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7)]
)
def test_it_has_the_published_number_of_parameters(depth, millions):
    """The paper counts identity shortcuts; ours have two convolutions and normalizations more."""
    shortcuts = 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64
    count = count_parameters(resnet(depth), (32, 3, 32), 10) - shortcuts
    assert round(count / 1e6, 1 if depth == 110 else 2) == millions


def test_it_learns_and_takes_any_rank():
    learns_digits(resnet(8, 4))
    assert count_parameters(resnet(8, 4), (1, 2, 40), 3) > 0
    assert count_parameters(resnet(8, 4), (8, 8, 2, 8), 3) > 0


@pytest.mark.parametrize("depth", [2, 18, 21, "20", 20.0])
def test_a_depth_that_makes_no_blocks_is_named(depth):
    with pytest.raises(ValueError, match=rf"depth={depth!r} must be 6 n \+ 2"):
        resnet(depth)
