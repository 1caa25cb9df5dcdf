"""Converts a TensorFlow or Keras model to ONNX with tf2onnx, and writes down what the original answers to generated inputs."""

import logging
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
from bridge import BridgeFailure, first_line, progress, talk  # noqa: E402
from loaders import load_original  # noqa: E402
from probes import probe  # noqa: E402

sys.dont_write_bytecode = False

class Complaints(logging.Handler):
    """tf2onnx only logs what it cannot convert, and goes on."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.operators = []

    def emit(self, record):
        args = record.args if isinstance(record.args, tuple) else ()
        if str(record.msg).startswith("Tensorflow op [%s: %s]"):
            self.operators.append(f"{args[1]} at {args[0]}")
        elif str(record.msg).startswith("Failed to convert node"):
            operator = re.match(r"OP=(\S+)", str(args[2])) if len(args) > 2 else None
            cause = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
            why = f" ({first_line(cause).replace('ValueError: make_sure failure: ', '')})" if cause else ""
            self.operators.append(f"{operator[1] if operator else 'an operator'} at {args[0]}{why}")


def convert(original, opset):
    import tensorflow as tf
    from tf2onnx import optimizer
    from tf2onnx.tfonnx import process_tf_graph

    # Of ours no bytecode is written beside the sources; of tf2onnx it is, or each call would compile it again.
    sys.dont_write_bytecode = True
    from tf2onnx_additions import inlined

    sys.dont_write_bytecode = False

    progress(0.3, "freeze the graph")
    graph_def, inputs, outputs = original.frozen()
    names = dict(zip(inputs + outputs, [name for name, _ in original.inputs] + original.output_names))
    complaints = Complaints()
    logging.getLogger("tf2onnx").addHandler(complaints)
    progress(0.4, "convert to ONNX")
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(inlined(graph_def, inputs, outputs), name="")
        try:
            converted = process_tf_graph(graph, opset=opset, input_names=inputs, output_names=outputs, tensors_to_rename=names)
        except Exception as error:
            if complaints.operators:
                raise unsupported(complaints.operators, opset) from error
            raise
        progress(0.6, "optimise the ONNX graph")
        model = optimizer.optimize_graph(converted).make_model("modelflow")
    check_operators(model, opset, complaints.operators)
    settle(model.graph, [name for name, _ in original.inputs], original.output_names)
    return model


def settle(graph, inputs, outputs):
    """tf2onnx walks over sets of objects, so the order of ends and the names of open dimensions differ from run to run: the same model must give the same bytes."""
    for ends, order in ((graph.input, inputs), (graph.output, outputs)):
        settled = sorted(ends, key=lambda end: order.index(end.name) if end.name in order else len(order))
        del ends[:]
        ends.extend(settled)
    names = {}
    for value in [*graph.input, *graph.output, *sorted(graph.value_info, key=lambda value: value.name)]:
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param.startswith("unk__"):
                dim.dim_param = names.setdefault(dim.dim_param, f"dim_{len(names)}")


def check_operators(model, opset, complaints):
    """tf2onnx leaves TensorFlow's own operators in the graph under ONNX's name; ONNX does not know them."""
    import onnx

    opsets = {entry.domain or "": entry.version for entry in model.opset_import}
    if opsets.get("") != opset:
        raise BridgeFailure("failed", f"tf2onnx wrote opset {opsets.get('')} instead of {opset}")
    foreign = []
    for node in nodes_of(model.graph):
        try:
            onnx.defs.get_schema(node.op_type, opsets[node.domain], node.domain)
        except (onnx.defs.SchemaError, KeyError):
            foreign.append(f"{node.op_type} at {node.name}")
    if foreign:
        raise unsupported(complaints or foreign, opset)


def unsupported(operators, opset):
    found = sorted(set(operators))
    return BridgeFailure("unsupported-operator", f"no ONNX form at opset {opset} for {', '.join(found[:5])}", found)


def nodes_of(graph):
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in [attribute.g, *attribute.graphs]:
                yield from nodes_of(inner)


def work(request):
    progress(0.05, "load TensorFlow and the model")
    original = load_original(request["original"])
    model = convert(original, request["opset"])
    with open(request["onnx"], "wb") as file:
        file.write(model.SerializeToString(deterministic=True))
    progress(0.8, "run the original on generated inputs")
    return {"probes": probe(original, request["folder"], request["floatHigh"])}


talk(work)
