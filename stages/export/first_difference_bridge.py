"""Finds the first node of a converted model whose result differs from the tensor of the same name in the original graph."""

import itertools
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
from bridge import progress, talk  # noqa: E402
from loaders import load_original  # noqa: E402
from original import import_tensorflow  # noqa: E402

sys.dont_write_bytecode = False


def pairs_of(model, graph, original, outputs):
    """(node, ONNX tensor, TensorFlow tensor) in the order of the ONNX graph, for each tensor that both sides know by one name."""
    renamed = dict(zip(original.output_names, outputs))
    # A model that was converted elsewhere may call its outputs otherwise; then they are the same by their order.
    ends = [output.name for output in model.graph.output]
    if len(ends) == len(outputs):
        renamed.update({end: outputs[i] for i, end in enumerate(ends) if end not in renamed})
    pairs, seen = [], set()
    for node in model.graph.node:
        for name in node.output:
            try:
                tensor = graph.get_tensor_by_name(renamed.get(name, name))
            except (KeyError, ValueError):
                continue
            numeric = tensor.dtype.is_floating or tensor.dtype.is_integer or tensor.dtype.is_bool
            if numeric and tensor.name not in seen:
                seen.add(tensor.name)
                pairs.append((node, name, tensor))
    return pairs


def results_of(model, names, feeds):
    """What onnxruntime computes for these tensors, without its own optimisations: they would do away with most of them."""
    import onnx
    import onnxruntime

    ends = {output.name for output in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in ends)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(names, feeds)


def difference(expected, actual, absolute, relative):
    """How far the two are apart where that is more than the tolerance, else None. NaN equals NaN, as does the same infinity."""
    import numpy as np

    best = None
    for candidate in same_shape(expected, np.asarray(actual)):
        a, b = expected.astype(np.float64), candidate.astype(np.float64)
        with np.errstate(invalid="ignore"):
            same = (a == b) | (np.isnan(a) & np.isnan(b))
            apart = np.where(same, 0, np.abs(a - b))
            within = apart <= absolute + relative * np.abs(a)
        if np.all(within | same):
            return None
        worst = float(np.max(np.nan_to_num(apart, nan=np.inf)))
        best = worst if best is None else min(best, worst)
    return best


def same_shape(expected, actual):
    """The converter moves the channels of images to the front: each order of the axes that gives the shape is taken for the tensor."""
    if expected.ndim != actual.ndim or expected.ndim > 5:
        return
    for order in itertools.permutations(range(actual.ndim)):
        if tuple(actual.shape[axis] for axis in order) == expected.shape:
            yield actual.transpose(order)


def loaded(path):
    import numpy as np

    array = np.load(path, allow_pickle=False)
    return array.astype(object) if array.dtype.kind == "U" else array


def work(request):
    import numpy as np
    import onnx

    progress(0.1, "look for the first node that differs")
    tf = import_tensorflow()
    original = load_original(request["original"])
    model = onnx.load(request["onnx"])
    graph_def, inputs, outputs = original.frozen()
    # A session of its own: the functions in the frozen graph have names that this process has given to others.
    with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph) as session:
        tf.import_graph_def(graph_def, name="")
        pairs = pairs_of(model, graph, original, outputs)
        if not pairs:
            return {"compared": 0, "first": None, "before": None}
        files = original.in_order(request["originalInputs"], by_order=True)
        expected = session.run([tensor for _, _, tensor in pairs], dict(zip(inputs, map(loaded, files))))
    taken = {value.name for value in model.graph.input}
    feeds = {name: loaded(path) for name, path in request["onnxInputs"].items() if name in taken}
    actual = results_of(model, [name for _, name, _ in pairs], feeds)
    before = None
    for (node, name, tensor), want, have in zip(pairs, expected, actual):
        apart = difference(want, have, request["absoluteTolerance"], request["relativeTolerance"])
        if apart is not None:
            error = apart if np.isfinite(apart) else None
            first = {"node": node.name, "operator": node.op_type, "tensor": tensor.name, "maxAbsoluteError": error}
            return {"compared": len(pairs), "first": first, "before": before}
        before = node.name
    return {"compared": len(pairs), "first": None, "before": before}


talk(work)
