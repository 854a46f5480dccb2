"""Data sets to try a network with, and images of your own from a folder."""

from skcnn.datasets.fashion_mnist import load_fashion_mnist
from skcnn.datasets.image_folder import load_image_folder

__all__ = ["load_fashion_mnist", "load_image_folder"]
