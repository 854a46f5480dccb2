"""
A convolutional network by hand
===============================

The exercise's network from the parts that the estimator is made of: layers, a loss, an optimizer
and a visible loop over epochs and mini-batches. Read this to see what ``fit`` does.

Set ``SKCNN_EXAMPLE_SIZE=small`` for a run on 500 images.
"""

import os

import matplotlib.pyplot as plt
import numpy as np

from skcnn.datasets import load_fashion_mnist
from skcnn.layers import Conv, Dense, Flatten, MaxPool, ReLU, Workspace
from skcnn.losses import CrossEntropy
from skcnn.network import Network
from skcnn.optimizers import Adam

n = 500 if os.environ.get("SKCNN_EXAMPLE_SIZE") == "small" else 5000
n_epochs, batch_size, learning_rate = 8, 32, 5e-3

# %%
# Images as layers see them: height, channel, width, and the batch last.
X, y = load_fashion_mnist(return_X_y=True)
X = X[: 2 * n].astype(np.float32)
X = (X - X[:n].mean()) / X[:n].std()
images = X.reshape(-1, 28, 1, 28).transpose(1, 2, 3, 0)  # (n, H, C, W) -> (H, C, W, n)
train_images, test_images = images[..., :n], images[..., n:]
train_labels, test_labels = y[:n], y[n : 2 * n]

# %%
# A network is a list of layers and one flat vector of parameters.
network = Network(
    (Conv(1, 6, padding="valid"), ReLU(), MaxPool(2), Flatten(), Dense(10)),
    input_shape=(28, 1, 28),
)
rng = np.random.default_rng(0)
network.initialize(rng)
print(
    "\n".join(
        f"{layer!s:<40} -> {shape}"
        for layer, shape in zip(network.layers, network.shapes[1:], strict=True)
    )
)

# %%
# Scratch memory, a gradient vector, and views into it by layer and name.
workspaces, loss_workspace = network.workspaces(), Workspace()
gradient = np.empty_like(network.parameters)
gradients = network.views(gradient)
loss, optimizer = CrossEntropy(), Adam()
state = optimizer.start(network.parameters)


def accuracy(images, labels):
    logits, _ = network.forward(np.ascontiguousarray(images), network.workspaces(), training=False)
    return (logits.argmax(axis=0) == labels).mean()


# %%
# Training: forward, loss, backward, step.
losses = []
for epoch in range(n_epochs):
    order, total = rng.permutation(n), 0.0
    for start in range(0, n, batch_size):
        batch = order[start : start + batch_size]
        x = np.ascontiguousarray(train_images[..., batch])
        logits, caches = network.forward(x, workspaces, training=True)
        value, d_logits = loss.value_and_gradient(
            logits, train_labels[batch], 1 / len(batch), loss_workspace
        )
        network.backward(d_logits, caches, gradients, workspaces)
        optimizer.step(state, network.parameters, gradient, learning_rate)
        total += value * len(batch)
    losses.append(total / n)
    print(f"epoch {epoch + 1}: loss {losses[-1]:.4f}")
print(f"training accuracy {accuracy(train_images, train_labels):.4f}")
print(f"test accuracy     {accuracy(test_images, test_labels):.4f}")

# %%
# What the one filter looks for, and how the loss fell.
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2))
left.imshow(network.views()[0]["weights"][:, :, 0, 0], cmap="gray")
left.set_title("the filter")
left.set_axis_off()
right.plot(range(1, n_epochs + 1), losses, marker="o")
right.set(title="training loss", xlabel="epoch", ylabel="cross-entropy")
figure.tight_layout()
figure.savefig("by_hand.png", dpi=120)
print("saved by_hand.png")
