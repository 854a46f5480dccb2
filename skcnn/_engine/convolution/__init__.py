"""How a convolution is computed, by products of matrices; imported by `layers`."""
