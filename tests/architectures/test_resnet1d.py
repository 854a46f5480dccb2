from skcnn.architectures import resnet1d
from tests.support.architectures import count_parameters, learns_digits


def test_it_has_the_published_number_of_parameters():
    """The authors' code has biases, too: 504,258 for one channel and two classes."""
    biases = 4 * 64 + 4 * 128 + 3 * 128
    assert count_parameters(resnet1d(), (1, 1, 96), 2) + biases == 504_258


def test_it_learns_and_takes_any_rank():
    learns_digits(resnet1d((8, 16, 16)))
    assert count_parameters(resnet1d((4, 4)), (4, 4, 1, 4), 2) > 0
