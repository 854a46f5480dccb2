"""Benchmarks of skcnn against other programs, and of its parts: python -m examples.benchmarks."""
