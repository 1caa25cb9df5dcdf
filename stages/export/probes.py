"""Generated inputs for a model, and what the original answers to them."""

import os

from bridge import BridgeFailure, first_line

SIZES = (32, 64, 128, 224, 8)  # tried for dimensions that may vary, until the original accepts one
HIGHS = (256, 100, 10, 2)  # upper ends of generated whole numbers: indices must not pass an unknown vocabulary


def probe(original, folder, float_high):
    """Answers of the original to generated inputs, in two batch sizes where the batch may vary: [{input: file}, {output: file}]."""
    import numpy as np

    written = []
    size, high = first_accepted(original, float_high)
    for case, (batch, varying) in enumerate(((1, size), (3, 2 * size), (3, size))):
        # A model may take any length, or only some: the third case stands in for the second.
        if len(written) == 2:
            break
        arrays = generate(original, batch, varying, high, float_high, case)
        try:
            answers = original.predict(arrays)
        except Exception as error:
            if case == 1:
                continue
            raise BridgeFailure("failed", f"the original cannot be run: {first_line(error)}") from error
        files = {"inputs": {}, "outputs": {}}
        for end, names, values in (("inputs", [n for n, _ in original.inputs], arrays), ("outputs", original.output_names, answers)):
            for index, (name, value) in enumerate(zip(names, values)):
                files[end][name] = os.path.join(folder, f"{case}-{end}-{index}.npy")
                np.save(files[end][name], value.astype(str) if value.dtype == object else value)
        written.append(files)
    return written


def first_accepted(original, float_high):
    for size in SIZES:
        for high in HIGHS:
            try:
                original.predict(generate(original, 1, size, high, float_high, 0))
                return size, high
            except Exception as error:
                last = error
    raise BridgeFailure("failed", f"the original answers no generated input: {first_line(last)}")


def generate(original, batch, varying, high, float_high, case):
    """Seeded inputs: numbers from 0 to `float_high` at first, then normal ones; the first dimension is the batch."""
    import numpy as np

    random = np.random.default_rng(20240 + case)
    arrays = []
    for _, spec in original.inputs:
        dims = spec.shape.as_list()
        shape = [dim if dim is not None else batch if i == 0 else varying for i, dim in enumerate(dims)]
        dtype = spec.dtype
        if dtype.is_floating:
            value = random.random(shape) * float_high if case == 0 else random.standard_normal(shape) * float_high
        elif dtype.is_bool:
            value = random.integers(0, 2, shape)
        elif dtype.name == "string":
            value = random.choice(np.array(["alpha", "beta", "gamma 3"], dtype=object), shape)
        else:
            value = random.integers(0, min(high, int(dtype.max) + 1), shape)
        arrays.append(np.asarray(value, dtype.as_numpy_dtype))
    return arrays
