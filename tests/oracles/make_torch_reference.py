r"""Make `torch_reference.npz`: what PyTorch computes for a dozen networks.

This is the only file of the tests that imports PyTorch. It does not import skcnn, so that the
numbers are those of another program. It has to run again only when a network is added::

    python3 -m venv .venv-torch && .venv-torch/bin/pip install torch==2.13.0 numpy
    .venv-torch/bin/python tests/oracles/make_torch_reference.py

Everything is computed in float64, on one thread, from fixed seeds: a second run of the same
versions writes the same arrays. Arrays are laid out as PyTorch has them, samples first and channels
second; :file:`test_torch_reference.py` converts them.

The archive holds `metadata`, a JSON text with the version of PyTorch, the optimizers and the
networks, and for the network at position i the arrays

======================= ====================================== ==================================
`i/inputs`              (n_samples, channels, \*lengths)       float32, as what follows float64
`i/targets`             (n_samples,) or (n_samples, n_outputs) class indices or numbers
`i/sample_weights`      (n_samples,)                           only if the network is `weighted`
`i/parameters`          (n_parameters,)                        before training, float32
`i/outputs`             (n_samples, n_outputs)                 in training mode
`i/loss`                ()                                     sum of weighted losses / n_samples
`i/gradient`            (n_parameters,)                        of the loss
`i/input_gradient`      as `inputs`                            of the loss
`i/running_statistics`  (n_statistics,)                        after `STATISTICS_BATCHES` batches
`i/inference_outputs`   (n_samples, n_outputs)                 with these statistics
`i/trained`             (n_optimizers, n_parameters)           after all batches, a step each
======================= ====================================== ==================================

float32 holds inputs and initial parameters exactly, as they are rounded to it when drawn.
Parameters are one behind the other, layer by layer; `parameter_shapes` of the network tells their
lengths. Running statistics are mean, then variance, of one batch normalization after the other.

:file:`reference_networks.py` holds the networks. They leave out what has more than one right
answer: maxima that are equal along two axes of a pooling window (PyTorch takes the first one row by
row, skcnn the first one column by column), and parameters whose gradient is zero but for rounding,
such as a bias before batch normalization, which Adam would move by the rounding.
"""

import copy
import json
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from reference_networks import NETWORKS, OPTIMIZERS  # beside this file
from torch import nn

ARCHIVE = Path(__file__).with_name("torch_reference.npz")
STEPS = 10
STATISTICS_BATCHES = 3


class ChannelBias(nn.Module):
    """A constant per channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x + b."""
        return x + self.bias.view(-1, *[1] * (x.ndim - 2))


def per_axis(value: Any, rank: int) -> tuple[Any, ...]:
    """Return one value for each spatial axis."""
    return tuple(value) if isinstance(value, tuple) else (value,) * rank


def convolution(shape: tuple[int, ...], options: dict[str, Any]) -> nn.Module:
    """Return a convolution of feature maps of shape (channels, *lengths).

    Symmetric padding, and "same" without strides, are PyTorch's own; else an explicit padding
    comes before. "same" with strides, which PyTorch does not have, gives ceil(length / stride)
    outputs and puts an odd zero at the end.
    """
    channels, *lengths = shape
    rank = len(lengths)
    size = per_axis(options.get("filter_size", 3), rank)
    stride = per_axis(options.get("stride", 1), rank)
    padding = options.get("padding", "same")
    pairs: list[tuple[int, int]] = []
    if padding == "same" and any(step > 1 for step in stride):
        for length, kernel, step in zip(lengths, size, stride, strict=True):
            total = max((-(-length // step) - 1) * step + kernel - length, 0)
            pairs.append((total // 2, total - total // 2))
    elif isinstance(padding, tuple):
        pairs = [per_axis(amount, 2) for amount in padding]
    conv = getattr(nn, f"Conv{rank}d")(
        channels, options["n_filters"], size, stride,
        padding=0 if pairs else padding, bias=options.get("use_bias", True),
    )  # fmt: skip
    if not pairs:
        return conv
    backwards = [amount for pair in reversed(pairs) for amount in pair]  # last axis first
    return nn.Sequential(getattr(nn, f"ConstantPad{rank}d")(backwards, 0.0), conv)


def pooling(name: str, shape: tuple[int, ...], options: dict[str, Any]) -> nn.Module:
    """Return a pooling whose windows are clipped to the axes, as PyTorch's are not."""
    _, *lengths = shape
    asked = per_axis(options["pool_size"], len(lengths))
    stride = per_axis(options.get("stride", asked), len(lengths))
    size = tuple(min(pair) for pair in zip(asked, lengths, strict=True))
    return getattr(nn, f"{name}{len(lengths)}d")(size, stride)


class Residual(nn.Module):
    """A body and what goes around it, added."""

    def __init__(self, body: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return body(x) + shortcut(x)."""
        return self.body(x) + self.shortcut(x)


class Parallel(nn.Module):
    """Branches whose outputs are joined along the channels."""

    def __init__(self, branches: list[nn.Sequential]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the outputs of all branches, one behind the other."""
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class GlobalPool(nn.Module):
    """The mean or the maximum of each feature map."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (n_samples, channels)."""
        maps = x.flatten(2)
        return maps.mean(dim=2) if self.name == "GlobalAveragePool" else maps.amax(dim=2)


def output_shape(module: nn.Module, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of what a module makes of a sample."""
    zeros = torch.zeros(1, *shape, dtype=torch.float64)
    return tuple(copy.deepcopy(module).double().eval()(zeros).shape[1:])


def sequence_of(shape: tuple[int, ...], descriptions: Any) -> nn.Sequential:
    """Return layers one after the other."""
    modules = []
    for description in [descriptions] if isinstance(descriptions, dict) else descriptions:
        module = module_of(shape, description)
        shape = output_shape(module, shape)
        modules.append(module)
    return nn.Sequential(*modules)


def residual(shape: tuple[int, ...], options: dict[str, Any]) -> nn.Module:
    """Return a residual block; "auto" is a projection by the strides of the body's convolutions."""
    body, shortcut = sequence_of(shape, options["layers"]), options.get("shortcut", "auto")
    after = output_shape(body, shape)
    if shortcut == "identity" or (shortcut == "auto" and after == shape):
        return Residual(body, nn.Identity())
    if shortcut == "auto":
        norms = [each for each in options["layers"] if each["layer"] == "BatchNorm"]
        bias = not norms
        shortcut = [{"layer": "Dense", "n_units": after[0], "use_bias": bias}]
        if len(after) > 1:
            strides = [each.get("stride", 1) for each in options["layers"]]
            shortcut = [
                {"layer": "Conv", "n_filters": after[0], "filter_size": 1, "use_bias": bias,
                 "stride": prod(strides)},
            ]  # fmt: skip
        shortcut += norms[:1]
    return Residual(body, sequence_of(shape, shortcut))


def activation(name: str, options: dict[str, Any]) -> nn.Module | None:
    """Return an activation, or None if the name is that of another layer."""
    made = {
        "ReLU": nn.ReLU,
        "Tanh": nn.Tanh,
        "Logistic": nn.Sigmoid,
        "LeakyReLU": lambda: nn.LeakyReLU(options.get("negative_slope", 0.01)),
        "ELU": lambda: nn.ELU(options.get("alpha", 1.0)),
        "GELU": lambda: nn.GELU("tanh" if options.get("approximate") else "none"),
        "SiLU": nn.SiLU,
    }
    return made[name]() if name in made else None


def module_of(shape: tuple[int, ...], description: dict[str, Any]) -> nn.Module:
    """Return a layer for samples of this shape."""
    name, options = description["layer"], description
    if (function := activation(name, options)) is not None:
        return function
    if name == "Flatten":
        return nn.Flatten()
    if name.startswith("Global"):
        return GlobalPool(name)
    if name == "Residual":
        return residual(shape, options)
    if name == "Parallel":
        return Parallel([sequence_of(shape, branch) for branch in options["branches"]])
    if name == "Conv":
        return convolution(shape, options)
    if name in ("MaxPool", "AveragePool"):
        return pooling(name.replace("Average", "Avg"), shape, options)
    if name == "Dense":
        return nn.Linear(*shape, options["n_units"], bias=options.get("use_bias", True))
    if name == "Bias":
        return ChannelBias(shape[0])
    # in skcnn momentum is the weight of the past, in PyTorch that of the batch
    return getattr(nn, f"BatchNorm{max(len(shape) - 1, 1)}d")(
        shape[0], eps=options.get("epsilon", 1e-5), momentum=1 - options.get("momentum", 0.9)
    )


def build(network: dict[str, Any]) -> nn.Sequential:
    """Return the network as a module in float64."""
    return sequence_of(network["input_shape"], network["layers"]).double().train()


def draw_parameters(module: nn.Module, rng: np.random.Generator) -> torch.Tensor:
    """Return numbers for all parameters, biases and scales included, one behind the other."""
    parts = []
    for name, parameter in module.named_parameters():
        numbers = rng.standard_normal(tuple(parameter.shape))
        if parameter.ndim > 1:
            numbers *= (2 / parameter[0].numel()) ** 0.5
        elif name.endswith("weight"):
            numbers = 1 + 0.4 * numbers  # a scale, now and then of other sign
        else:
            numbers *= 0.3
        parts.append(numbers.ravel())
    return torch.from_numpy(np.concatenate(parts).astype(np.float32))


def load(module: nn.Module, parameters: torch.Tensor) -> nn.Module:
    """Copy parameters, one behind the other, into the module."""
    with torch.no_grad():
        nn.utils.vector_to_parameters(parameters.double(), module.parameters())
    return module


def draw_samples(
    network: dict[str, Any], n_outputs: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return inputs, targets and sample weights."""
    n = network["n_samples"]
    shape = (n, *network["input_shape"])
    integers = network.get("input_values") == "0, 1 or 2"
    inputs = rng.integers(0, 3, shape) if integers else rng.standard_normal(shape)
    samples = {"inputs": inputs.astype(np.float32)}
    if network["loss"]["loss"] == "CrossEntropy":
        samples["targets"] = rng.permutation(np.arange(n) % n_outputs)
    else:
        samples["targets"] = rng.standard_normal((n, n_outputs))
    if network.get("weighted"):
        samples["sample_weights"] = rng.uniform(0.2, 2.0, n)
    return samples


def loss_of(
    description: dict[str, Any], outputs: torch.Tensor, samples: dict[str, torch.Tensor]
) -> torch.Tensor:
    """Return the sum of weighted losses divided by the number of samples."""
    targets = samples["targets"]
    if description["loss"] == "CrossEntropy":
        smoothing = description.get("label_smoothing", 0.0)
        losses = nn.functional.cross_entropy(
            outputs, targets, reduction="none", label_smoothing=smoothing
        )
    elif description["loss"] == "SquaredError":
        losses = nn.functional.mse_loss(outputs, targets, reduction="none").mean(dim=1) / 2
    else:
        losses = nn.functional.l1_loss(outputs, targets, reduction="none").mean(dim=1)
    return (losses * samples.get("sample_weights", 1)).sum() / len(outputs)


def flat(tensors: Any) -> np.ndarray:
    """Return tensors one behind the other."""
    parts = [tensor.detach().numpy().ravel() for tensor in tensors]
    return np.concatenate(parts) if parts else np.empty(0)


def one_pass(
    module: nn.Module, network: dict[str, Any], samples: dict[str, torch.Tensor]
) -> dict[str, np.ndarray]:
    """Return outputs, loss and gradients for all samples as one batch, in training mode."""
    inputs = samples["inputs"].clone().requires_grad_()
    outputs = module(inputs)
    loss = loss_of(network["loss"], outputs, samples)
    loss.backward()
    return {
        "outputs": outputs.detach().numpy(),
        "loss": loss.detach().numpy(),
        "gradient": flat(parameter.grad for parameter in module.parameters()),
        "input_gradient": inputs.grad.numpy(),
    }


def with_running_statistics(
    module: nn.Module, samples: dict[str, torch.Tensor], batches: list[list[int]]
) -> dict[str, np.ndarray]:
    """Return running statistics after a few batches, and outputs that use them."""
    norms = [part for part in module.modules() if hasattr(part, "running_mean")]
    with torch.no_grad():
        for rows in batches:
            module(samples["inputs"][rows])
        outputs = module.eval()(samples["inputs"])
    statistics = [part for norm in norms for part in (norm.running_mean, norm.running_var)]
    return {"running_statistics": flat(statistics), "inference_outputs": outputs.numpy()}


def torch_optimizer(module: nn.Module, options: dict[str, Any]) -> torch.optim.Optimizer:
    """Return PyTorch's optimizer, with weight decay for all that has two or more axes.

    Adam has decoupled decay, which is AdamW. SGD has it as part of the gradient; without momentum
    that is the same.
    """
    parameters = list(module.parameters())
    decay = options.get("weight_decay", 0.0)
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
    ]
    rate = options["learning_rate"]
    if options["optimizer"] == "SGD":
        assert not (options["momentum"] and decay)
        nesterov = options.get("nesterov", False)
        return torch.optim.SGD(groups, rate, momentum=options["momentum"], nesterov=nesterov)
    betas = (options.get("beta_1", 0.9), options.get("beta_2", 0.999))
    kind = torch.optim.AdamW if decay else torch.optim.Adam
    return kind(groups, rate, betas, options.get("epsilon", 1e-8))


def train(
    module: nn.Module,
    network: dict[str, Any],
    samples: dict[str, torch.Tensor],
    optimizer: torch.optim.Optimizer,
) -> np.ndarray:
    """Return the parameters after one step for each batch."""
    for rows in network["batches"]:
        batch = {name: part[rows] for name, part in samples.items()}
        optimizer.zero_grad()
        loss_of(network["loss"], module(batch["inputs"]), batch).backward()
        optimizer.step()
    return flat(module.parameters())


def draw_batches(n: int, rng: np.random.Generator) -> list[list[int]]:
    """Return the rows of each batch; every other one lacks two samples."""
    return [rng.permutation(n)[: n - 2 * (step % 2)].tolist() for step in range(STEPS)]


def reference(network: dict[str, Any], seed: int) -> dict[str, np.ndarray]:
    """Return all arrays of one network, and complete its description."""
    rng = np.random.default_rng(seed)
    module = build(network)
    n_outputs = module(torch.zeros(2, *network["input_shape"], dtype=torch.float64)).shape[1]
    network["parameter_shapes"] = [tuple(p.shape) for p in module.parameters()]
    network["batches"] = draw_batches(network["n_samples"], rng)
    parameters = draw_parameters(module, rng)
    arrays = draw_samples(network, n_outputs, rng)
    samples = {name: torch.from_numpy(array) for name, array in arrays.items()}
    samples["inputs"] = samples["inputs"].double()

    def fresh() -> nn.Module:
        return load(build(network), parameters)

    trained = []
    for options in OPTIMIZERS.values():
        module = fresh()
        trained.append(train(module, network, samples, torch_optimizer(module, options)))
    batches = network["batches"][:STATISTICS_BATCHES]
    return {
        **arrays,
        "parameters": parameters.numpy(),
        **one_pass(fresh(), network, samples),
        **with_running_statistics(fresh(), samples, batches),
        "trained": np.stack(trained),
    }


def main() -> None:
    """Write the archive."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    arrays = {
        f"{position}/{name}": array
        for position, network in enumerate(NETWORKS)
        for name, array in reference(network, seed=position).items()
    }
    metadata = {
        "torch": torch.__version__,
        "statistics_batches": STATISTICS_BATCHES,
        "optimizers": OPTIMIZERS,
        "networks": NETWORKS,
    }
    np.savez_compressed(ARCHIVE, metadata=np.array(json.dumps(metadata)), **arrays)
    print(f"{ARCHIVE.name}: {ARCHIVE.stat().st_size / 1000:.0f} kB, PyTorch {torch.__version__}")


if __name__ == "__main__":
    main()
