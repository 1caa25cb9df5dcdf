"""Answers of a TensorFlow or Keras model to given rows, and how long it takes for one row on one thread."""

import math
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
from bridge import BridgeFailure, first_line, progress, talk  # noqa: E402
from loaders import load_original  # noqa: E402
from original import import_tensorflow  # noqa: E402

sys.dont_write_bytecode = False
BATCH = 256
WARM_UP = 5


def fitted(name, array, spec):
    """The rows in the shape that the model takes: dimensions of one may be added or left out, and rows of known size be laid out anew."""
    wanted, found = spec.shape.as_list()[1:], list(array.shape[1:])
    if len(wanted) != len(found) or any(w is not None and w != f for w, f in zip(wanted, found)):
        known = math.prod(dim or 0 for dim in wanted)
        ones_apart = [dim for dim in found if dim != 1] == [dim for dim in wanted if dim != 1]
        if known != math.prod(found) and not ones_apart:
            raise BridgeFailure("shape", f"input {name} takes rows of shape {wanted}, and the data has rows of shape {found}")
        array = array.reshape([len(array), *wanted])
    if spec.dtype.name == "string":
        return array.astype(object)
    if array.dtype.kind in "USO":
        raise BridgeFailure("shape", f"input {name} takes {spec.dtype.name}, and the data holds text")
    return array


def arrays_for(original, files, by_order):
    import numpy as np

    loaded = [np.load(path, mmap_mode="r", allow_pickle=False) for path in original.in_order(files, by_order)]
    if len({len(array) for array in loaded}) != 1:
        raise BridgeFailure("shape", f"the inputs have different numbers of rows: {[len(array) for array in loaded]}")
    return [fitted(name, array, spec) for array, (name, spec) in zip(loaded, original.inputs)]


def rows_of(array, start, count, spec):
    """Rows from `start`; the last one again where the file ends, so that a model of fixed batch gets its batch."""
    import numpy as np

    rows = np.asarray(array[start : start + count])
    if len(rows) < count:
        rows = np.concatenate([rows, np.repeat(rows[-1:], count - len(rows), axis=0)])
    return rows if rows.dtype == object else rows.astype(spec.dtype.as_numpy_dtype)


def predict(original, arrays, fixed):
    import numpy as np

    total = len(arrays[0])
    parts = [[] for _ in original.output_names]
    for start in range(0, total, fixed or BATCH):
        count = fixed or min(BATCH, total - start)
        batch = [rows_of(array, start, count, spec) for array, (_, spec) in zip(arrays, original.inputs)]
        try:
            answers = original.predict(batch)
        except Exception as error:
            raise BridgeFailure("shape", f"the model refused rows {start} to {start + count - 1}: {first_line(error)}") from error
        for part, answer, name in zip(parts, answers, original.output_names):
            if answer.ndim == 0 or len(answer) != count:
                raise BridgeFailure("shape", f"output {name} has shape {list(answer.shape)} for {count} rows: not one answer a row")
            part.append(answer[: total - start])
        progress(0.2 + 0.7 * min(1, (start + count) / total), f"{min(total, start + count)} of {total} rows")
    return [np.concatenate(part) for part in parts]


def latencies(original, arrays, fixed, samples):
    """Milliseconds for one row (for one batch, where the batch is fixed), after a few that do not count."""
    import numpy as np
    import tensorflow as tf

    measured = []
    for index in range(samples + WARM_UP if samples else 0):
        row = index % len(arrays[0])
        batch = [rows_of(array, row, fixed or 1, spec) for array, (_, spec) in zip(arrays, original.inputs)]
        begin = time.perf_counter_ns()
        values = [tf.constant(array, spec.dtype) for array, (_, spec) in zip(batch, original.inputs)]
        for value in original.concrete(*values):
            np.asarray(value)
        measured.append((time.perf_counter_ns() - begin) / 1e6)
    return measured[WARM_UP:]


def described(name, dtype, shape, rank):
    dims = shape.as_list() if shape.rank is not None else [None] * rank
    return {"name": name, "dtype": dtype.name, "shape": dims}


def work(request):
    import numpy as np

    progress(0.05, "load TensorFlow and the model")
    tf = import_tensorflow()
    # One thread, as the serving runtime is measured: otherwise the two latencies say nothing about each other.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    original = load_original(request["original"])
    arrays = arrays_for(original, request["inputs"], request["byOrder"])
    if len(arrays[0]) == 0:
        raise BridgeFailure("shape", "the data has no rows")
    batches = {spec.shape.as_list()[0] for _, spec in original.inputs if spec.shape.rank}
    fixed = next((batch for batch in batches if batch is not None), None)
    answers = predict(original, arrays, fixed)
    outputs = []
    for index, (name, answer) in enumerate(zip(original.output_names, answers)):
        path = os.path.join(request["out"], f"output-{index}.npy")
        np.save(path, answer.astype(str) if answer.dtype == object else answer)
        outputs.append({"name": name, "file": path})
    if request["latencySamples"]:
        progress(0.9, "measure the latency of one row")
    signature = {
        "inputs": [described(name, spec.dtype, spec.shape, 1) for name, spec in original.inputs],
        "outputs": [
            described(name, tensor.dtype, tensor.shape, answer.ndim)
            for name, tensor, answer in zip(original.output_names, original.concrete.outputs, answers)
        ],
    }
    return {"outputs": outputs, "latenciesMs": latencies(original, arrays, fixed, request["latencySamples"]), "signature": signature}


talk(work)
