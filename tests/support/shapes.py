"""Shapes of inputs of every rank."""

SHAPES = [(5,), (2, 3), (3, 2, 4), (2, 3, 2, 2)]  # features, signals, images, volumes
