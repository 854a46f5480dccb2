import numpy as np
import pytest

from skcnn._data.holdout import hold_out


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("n_classes", [1, 2, 3, 10, 100])
@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5, 0.9])
def test_every_sample_is_on_one_side_and_each_class_gives_its_fraction(
    n_classes, fraction, global_random_seed
):
    strata = np.sort(rng(global_random_seed).integers(0, n_classes, 500))
    training, held_out = hold_out(strata, fraction, rng(global_random_seed))
    assert np.array_equal(np.sort([*training, *held_out]), np.arange(500))
    assert (np.diff(training) > 0).all()
    assert (np.diff(held_out) > 0).all()
    counts = np.bincount(strata, minlength=n_classes)
    taken = np.bincount(strata[held_out], minlength=n_classes)
    assert (np.abs(taken - fraction * counts) < 1 + 1e-9).all()
    assert len(held_out) == min(np.ceil(fraction * 500), np.maximum(counts - 1, 0).sum())
    assert (taken[counts > 0] < counts[counts > 0]).all()


def test_classes_of_one_row_stay_in_training():
    strata = np.array([0, 1, 1, 1, 1, 2, 3, 3])
    for seed in range(20):
        _, held_out = hold_out(strata, 0.5, rng(seed))
        assert len(held_out) == 4
        assert np.bincount(strata[held_out], minlength=4).tolist() == [0, 3, 0, 1]


def test_no_class_gives_all_its_samples():
    _, held_out = hold_out(np.array([0, 0, 1, 1, 1]), 0.99, rng())
    assert len(held_out) == 3


@pytest.mark.parametrize(
    "counts", [[400, 4], [400, 2], [400, 2, 2, 1], [3, 4, 300, 2], [50] + [2] * 5]
)
def test_every_class_of_two_samples_is_in_both_parts_where_there_is_room(counts):
    strata = np.repeat(np.arange(len(counts)), counts)
    for seed in range(5):
        training, held_out = hold_out(strata, 0.1, rng(seed))
        assert len(held_out) == np.ceil(len(strata) / 10)
        for part in (training, held_out):
            taken = np.bincount(strata[part], minlength=len(counts))
            assert ((taken > 0) | (np.array(counts) < 2)).all()


def test_rare_classes_take_the_room_of_the_one_that_gives_most():
    strata = np.repeat(np.arange(41), [1000] + [2] * 40)
    _, held_out = hold_out(strata, 0.1, rng())
    assert np.bincount(strata[held_out]).tolist() == [68] + [1] * 40


def test_large_classes_give_back_in_turn_what_rare_ones_take():
    strata = np.repeat(np.arange(7), [109, 91] + [2] * 5)  # whose tenths are 10.9, 9.1 and 0.2
    _, held_out = hold_out(strata, 0.1, rng())
    assert np.bincount(strata[held_out]).tolist() == [9, 7] + [1] * 5


def test_more_classes_than_samples_to_hold_out():
    strata = np.repeat(np.arange(50), 2)
    drawn = set()
    for seed in range(10):
        _, held_out = hold_out(strata, 0.1, rng(seed))
        assert len(held_out) == 10
        assert len(set(strata[held_out])) == 10
        drawn |= set(strata[held_out])
    assert len(drawn) > 20  # by lot


def test_class_numbers_without_samples_do_no_harm():
    _, held_out = hold_out(np.array([5, 5, 9, 9]), 0.5, rng())
    assert len(held_out) == 2


def test_the_generator_decides():
    strata = rng().integers(0, 3, 100)
    one, same, other = (hold_out(strata, 0.3, rng(seed))[1] for seed in (4, 4, 5))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_each_class_gives_those_that_come_first_in_a_permutation():
    strata = rng(1).integers(0, 3, 2000)
    _, held_out = hold_out(strata, 0.3, rng())
    taken = np.bincount(strata[held_out])
    generator = rng()
    generator.permutation(3)  # the lots of classes
    first = {n: [] for n in range(3)}
    for sample in generator.permutation(2000):
        first[strata[sample]].append(sample)
    expected = [sample for n in range(3) for sample in first[n][: taken[n]]]
    assert held_out.tolist() == sorted(expected)


def test_every_row_may_be_held_out():
    strata = np.repeat([0, 1], 5)
    drawn = [hold_out(strata, 0.3, rng(seed))[1] for seed in range(200)]
    counts = np.bincount(np.concatenate(drawn), minlength=10)
    assert counts.min() > 30
    assert counts.max() < 90


@pytest.mark.parametrize("strata", [[0], [0, 1], [2, 0, 1]])
def test_too_few_samples_is_a_clear_error(strata):
    with pytest.raises(ValueError, match=rf"Too few samples.*n_samples={len(strata)}.*X_val"):
        hold_out(np.array(strata), 0.5, rng())
