"""How the arithmetic runs fast on NumPy; imported by everything above, knows no layer."""
