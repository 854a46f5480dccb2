"""The seeds of tests whose truth must not depend on one."""

SEEDS = range(100)


def seeds_of(value):
    """Return the seeds that SKCNN_TESTS_GLOBAL_RANDOM_SEED names: "7", "0-9" or "all"."""
    if value == "all":
        return list(SEEDS)
    first, _, last = value.partition("-")
    if not (first.isdecimal() and (last or first).isdecimal()):
        raise ValueError(
            f"SKCNN_TESTS_GLOBAL_RANDOM_SEED={value!r} must be a seed such as 42, a range such as "
            f"0-9, or all."
        )
    seeds = list(range(int(first), int(last or first) + 1))
    if not seeds or seeds[-1] not in SEEDS:
        raise ValueError(
            f"SKCNN_TESTS_GLOBAL_RANDOM_SEED={value!r} must name seeds from 0 to {SEEDS[-1]}, the "
            f"smaller first."
        )
    return seeds
