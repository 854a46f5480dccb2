"""How much a run measures."""

from dataclasses import dataclass

from examples.benchmarks.networks import NETWORKS


@dataclass(frozen=True)
class Settings:
    """Sizes of everything; the defaults are those of a full run."""

    size: str = "full"
    networks: tuple[str, ...] = tuple(NETWORKS)
    threads: tuple[int, ...] = (1, 2)
    batch_sizes: tuple[int, ...] = (32, 128)
    n_images: int = 5000  # to train on, and to predict
    rounds: int = 5
    short_rounds: int = 15  # of epochs that take less than a tenth of a second
    short_networks: tuple[str, ...] = ("seed", "small8")
    compile_limit: float = 180.0  # seconds that torch.compile may take; 0 leaves it out
    per_sample_images: int = 500
    latency_calls: int = 200
    gradient_images: int = 128
    import_rounds: int = 15
    search_rounds: int = 3
    search_epochs: int = 3
    big_data_images: int = 500_000
    scaling_images: tuple[int, ...] = (1000, 2000, 5000, 10000, 30000, 60000)
    scaling_sides: tuple[int, ...] = (8, 16, 32, 64, 128)
    scaling_filters: tuple[int, ...] = (4, 8, 16, 32, 64, 128)
    scaling_channels: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    scaling_kernels: tuple[int, ...] = (1, 3, 5, 7, 9, 11)


SIZES = {
    "full": Settings(),
    "small": Settings(
        size="small",
        n_images=256,
        rounds=2,
        short_rounds=2,
        compile_limit=0,
        per_sample_images=20,
        latency_calls=10,
        gradient_images=16,
        import_rounds=2,
        search_rounds=1,
        search_epochs=1,
        big_data_images=10_000,
        scaling_images=(1000, 2000),
        scaling_sides=(8, 16),
        scaling_filters=(4, 8),
        scaling_channels=(1, 2),
        scaling_kernels=(1, 3),
    ),
}
