"""How a convolution is computed, by im2col or by Winograd's algorithm; imported by `layers`."""
