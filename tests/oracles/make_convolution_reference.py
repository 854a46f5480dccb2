r"""Make `convolution.npz`: what PyTorch computes for dilated, grouped and depthwise convolutions.

Like :file:`make_torch_reference.py` it imports PyTorch and not skcnn. It has to run again only
when a case is added::

    .venv-torch/bin/python tests/oracles/make_convolution_reference.py

Everything is computed in float64, from a fixed seed. Inputs, weights, biases and gradients for the
outputs are exact in float32. The archive holds `metadata`, a JSON text with the version of PyTorch
and the cases, and for the case at position i the arrays, as PyTorch lays them out:

============== ============================================== ====================================
`i/x`          (n, channels, \*lengths)                       float32
`i/weights`    (n_filters, channels // groups, \*filter_size) float32
`i/bias`       (n_filters,)                                   float32
`i/y`          (n, n_filters, \*outputs)
`i/dy`         as `y`                                         float32, gradient for the outputs
`i/dx`         as `x`
`i/d_weights`  as `weights`
`i/d_bias`     as `bias`
============== ============================================== ====================================
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

ARCHIVE = Path(__file__).with_name("convolution.npz")
N_SAMPLES = 2
KINDS: dict[str, dict[str, Any]] = {
    "dilated": {"channels": 2, "n_filters": 3, "dilation": 2},
    "grouped": {"channels": 4, "n_filters": 6, "groups": 2},
    "grouped and dilated": {"channels": 6, "n_filters": 3, "groups": 3, "dilation": 3},
    "depthwise": {"channels": 3, "n_filters": 3, "groups": 3},
    "depthwise, two filters a channel": {"channels": 2, "n_filters": 4, "groups": 2},
    "depthwise and dilated": {"channels": 3, "n_filters": 3, "groups": 3, "dilation": 2},
}
# Padding is explicit, a pair for each axis; a negative number crops, as in PyTorch's `pad`.
WAYS: list[dict[str, Any]] = [
    {"filter_size": 3, "stride": 1, "padding": (2, 2)},
    {"filter_size": 2, "stride": 2, "padding": (1, 0)},
    {"filter_size": 3, "stride": 1, "padding": (-1, 3)},
]
LENGTHS = {1: (19,), 2: (7, 8), 3: (6, 5, 7)}


def exact(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Return random numbers that float32 holds."""
    return rng.standard_normal(shape).astype(np.float32)


def reference(case: dict[str, Any], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return all arrays of a case."""
    lengths, groups = LENGTHS[case["rank"]], case.get("groups", 1)
    channels, filters = case["channels"], case["n_filters"]
    kernel = (case["filter_size"],) * case["rank"]
    given = {
        "x": exact(rng, N_SAMPLES, channels, *lengths),
        "weights": exact(rng, filters, channels // groups, *kernel),
        "bias": exact(rng, filters),
    }
    tensors = [torch.from_numpy(array).double().requires_grad_() for array in given.values()]
    x, weights, bias = tensors
    padded = functional.pad(x, case["padding"] * case["rank"])
    convolve = getattr(functional, f"conv{case['rank']}d")
    y = convolve(
        padded, weights, bias, case["stride"], dilation=case.get("dilation", 1), groups=groups
    )
    dy = exact(rng, *y.shape)
    found = torch.autograd.grad(y, tensors, torch.from_numpy(dy).double())
    gradients = dict(zip(("dx", "d_weights", "d_bias"), (g.numpy() for g in found), strict=True))
    return {**given, "y": y.detach().numpy(), "dy": dy, **gradients}


def main() -> None:
    """Write the archive."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    cases = [
        {"name": f"{kind}, rank {rank}, {number}", "rank": rank, **options, **way}
        for kind, options in KINDS.items()
        for rank in LENGTHS
        for number, way in enumerate(WAYS)
        if rank < 3 or number > 0
    ]
    arrays = {
        f"{position}/{name}": array
        for position, case in enumerate(cases)
        for name, array in reference(case, rng).items()
    }
    metadata = json.dumps({"torch": torch.__version__, "cases": cases})
    np.savez_compressed(ARCHIVE, metadata=np.array(metadata), **arrays)
    print(f"{ARCHIVE.name}: {ARCHIVE.stat().st_size / 1000:.0f} kB, PyTorch {torch.__version__}")


if __name__ == "__main__":
    main()
