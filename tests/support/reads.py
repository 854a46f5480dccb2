"""An array that counts how often its numbers are read."""

import numpy as np


class CountedArray(np.ndarray):
    """Counts the elements that ufuncs and copies read of it and of its slices, in `reads`."""

    def __array_finalize__(self, source):
        self.reads = getattr(source, "reads", None)

    @classmethod
    def of(cls, array):
        counted = array.view(cls)
        counted.reads = []
        return counted

    def _plain(self, values):
        """Note what is read; return plain arrays."""
        if isinstance(values, CountedArray):
            values.reads.append(values.size)
            return values.view(np.ndarray)
        if isinstance(values, tuple | list):
            return type(values)(map(self._plain, values))
        return values

    def __array_ufunc__(self, ufunc, method, *inputs, **keywords):
        return getattr(ufunc, method)(*self._plain(inputs), **keywords)

    def __array_function__(self, function, types, arguments, keywords):
        plain = {name: self._plain(value) for name, value in keywords.items()}
        return function(*self._plain(arguments), **plain)

    def __getitem__(self, index):
        part = super().__getitem__(index)
        return self._plain(part) if isinstance(index, np.ndarray) else part  # a copy, or a view
