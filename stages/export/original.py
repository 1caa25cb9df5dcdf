"""A TensorFlow or Keras model as one function of a flat list of tensors."""

import os
import sys
import tempfile

from bridge import BridgeFailure

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

# Ops that touch files when the graph runs. A model that is only asked for an answer has no business with them.
FILE_OPS = {"ReadFile", "WriteFile", "MatchingFiles", "MergeV2Checkpoints", "Save", "SaveV2", "SaveSlices"}


def import_tensorflow():
    """TensorFlow greets on stderr whatever its log level; that is taken out, and the rest is passed on."""
    kept = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            import tensorflow
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            said.seek(0)
            for line in said.read().decode(errors="replace").splitlines():
                if "oneDNN custom operations" not in line and "before absl::InitializeLog" not in line:
                    print(line, file=sys.stderr)
    return tensorflow


class Original:
    """A loaded model as one function of a flat list of tensors. `inputs` are (name, tf.TensorSpec)."""

    def __init__(self, inputs, output_names, function, keep):
        import tensorflow as tf

        # Identities: an output that is an input, or two outputs that are one tensor, still get names of their own.
        body = tf.function(lambda *flat: tuple(tf.identity(value) for value in function(*flat)), autograph=False)
        specs = [tf.TensorSpec(spec.shape, spec.dtype, name=f"input_{i}") for i, (_, spec) in enumerate(inputs)]
        self.inputs, self.keep = inputs, keep
        self.output_names = unique(output_names, [name for name, _ in inputs])
        self.concrete = body.get_concrete_function(*specs)
        graph = self.concrete.graph.as_graph_def()
        nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
        bad = sorted({f"{node.op} ({node.name})" for node in nodes if touches_files(node)})
        if bad:
            raise BridgeFailure("unsafe", "the model reads or writes files when it runs", bad)

    def in_order(self, files, by_order):
        """Files by input name → in the model's order. A single one fits the only input; foreign names are taken as they come if asked."""
        names = [name for name, _ in self.inputs]
        if all(name in files for name in names):
            return [files[name] for name in names]
        if len(files) != len(names) or (len(names) > 1 and not by_order):
            raise BridgeFailure("shape", f"the model takes {', '.join(names)}; the data has {', '.join(files) or 'nothing'}")
        return list(files.values())

    def predict(self, arrays):
        import tensorflow as tf

        values = [tf.constant(array, spec.dtype) for array, (_, spec) in zip(arrays, self.inputs)]
        return [value.numpy() for value in self.concrete(*values)]

    def frozen(self):
        """The graph as tf2onnx sees it, with the names of its ends: (graph_def, inputs, outputs)."""
        from tf2onnx import tf_loader

        inputs = [tensor.name for tensor in self.concrete.inputs[: len(self.inputs)]]
        outputs = [tensor.name for tensor in self.concrete.outputs]
        return tf_loader.from_function(self.concrete, inputs, outputs), inputs, outputs


def touches_files(node):
    return node.op in FILE_OPS or (node.op == "PrintV2" and node.attr["output_stream"].s.startswith(b"file:"))


def unique(names, taken):
    seen, made = set(taken), []
    for name in names:
        free, count = name, 0
        while free in seen:
            count += 1
            free = f"{name}_{count}"
        seen.add(free)
        made.append(free)
    return made
