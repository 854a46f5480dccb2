"""What augmentation adds to an epoch of the default network, for each transformation."""

from examples.benchmarks.data import CLASSES, fashion_mnist
from examples.benchmarks.report import Table
from examples.benchmarks.settings import Settings
from examples.benchmarks.timing import take_turns
from skcnn import ScratchCNNClassifier
from skcnn.augmentation import HorizontalFlip, RandomErasing, Rotation, Shift

AUGMENTS = {
    "none": None,
    "shift": Shift(2),
    "flip": HorizontalFlip(),
    "shift, flip": [Shift(2), HorizontalFlip()],
    "rotation": Rotation(10),
    "erasing": RandomErasing(),
}


def run(settings: Settings) -> list[Table]:
    """Take the time of an epoch with each."""
    X, y = fashion_mnist(settings.n_images)
    sides = {}
    for name, augment in AUGMENTS.items():
        clf = ScratchCNNClassifier(augment=augment, standardize=False, random_state=0)
        sides[name] = lambda clf=clf: clf.partial_fit(X, y, CLASSES)
    times = take_turns(sides, settings.rounds)
    plain = times["none"]
    rows = []
    for name, taken in times.items():
        ratio, spread = taken.over(plain)
        rows.append(
            {
                "augment": name,
                "seconds": taken.median,
                "fraction of the epoch": f"{100 * (1 - 1 / ratio):.1f} %",
                "over none": ratio,
                "spread": spread,
            }
        )
    notes = [
        f"An epoch of partial_fit over {len(X):,} images with the default network, one thread.",
        "Target: at most 15 % for shifts and flips.",
    ]
    return [Table("Augmentation", rows, notes)]
