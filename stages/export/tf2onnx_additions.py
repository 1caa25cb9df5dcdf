"""What today's Keras puts into graphs and tf2onnx 1.17 does not know."""

import numpy as np
from tf2onnx import tf_loader, utils
from tf2onnx.handler import tf_op


def replace(context, node, make):
    """Puts what `make(input, one)` gives in the place of a node of one input."""
    dtypes, shapes = node.output_dtypes, node.output_shapes
    name, source, output = node.name, node.input[0], node.output[0]
    context.remove_node(name)
    one = context.make_const(utils.make_name(name), np.array(1, utils.map_onnx_to_numpy_type(dtypes[0]))).output[0]
    operator, inputs = make(source, one)
    context.make_node(operator, inputs, outputs=[output], name=name, shapes=shapes, dtypes=dtypes)


@tf_op("Erfc")
class Erfc:
    """erfc(x) = 1 − erf(x): the exact GELU of every transformer."""

    @classmethod
    def version_9(cls, context, node, **_):
        replace(context, node, lambda x, one: ("Sub", [one, context.make_node("Erf", [x]).output[0]]))


@tf_op("Expm1")
class Expm1:
    """exp(x) − 1: CELU."""

    @classmethod
    def version_6(cls, context, node, **_):
        replace(context, node, lambda x, one: ("Sub", [context.make_node("Exp", [x]).output[0], one]))


def inlined(graph_def, inputs, outputs):
    """Keras wraps grouped convolutions in functions for XLA, which are kept from being inlined, and tf2onnx takes for operators."""
    import tensorflow as tf

    functions = [function for function in graph_def.library.function if "_XlaMustCompile" in function.attr]
    if not functions:
        return graph_def
    for owner in [*functions, *graph_def.node, *(node for function in functions for node in function.node_def)]:
        for mark in ("_XlaMustCompile", "_noinline"):
            owner.attr.pop(mark, None)
    with tf.Graph().as_default():
        tf.import_graph_def(graph_def, name="")
        return tf_loader.tf_optimize(inputs, outputs, graph_def)
