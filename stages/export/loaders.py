"""Loads a model in any of the forms that TensorFlow reads: what the bridge scripts beside this file share."""

import json
import re
import traceback
import zipfile

from bridge import BridgeFailure, first_line
from original import Original, import_tensorflow, unique


def load_original(request):
    """`request`: {"format": "keras" | "h5" | "saved-model" | "frozen-graph", "model": path, "inputs"?, "outputs"?}"""
    import_tensorflow()
    loaders = {"keras": load_keras, "h5": load_keras, "saved-model": load_saved_model, "frozen-graph": load_frozen_graph}
    try:
        original = loaders[request["format"]](request)
    except BridgeFailure:
        raise
    except Exception as error:
        traceback.print_exc()
        raise BridgeFailure("not-a-model", cause_of(error), str(error).splitlines()[:12]) from error
    for name, spec in original.inputs:
        if spec.shape.rank is None:
            raise BridgeFailure("no-signature", f"input {name} has no known number of dimensions")
    return original


def cause_of(error):
    """Keras says last what went wrong, after the whole configuration of the model."""
    said = str(error).rpartition("Exception encountered:")[2].strip()
    return said.splitlines()[0] if said and said != str(error).strip() else first_line(error)


def load_keras(request):
    import keras
    import tensorflow as tf

    refuse_code(request)
    model = keras.saving.load_model(request["model"], compile=False, safe_mode=True)
    # A Sequential model keeps its graph of layers in a Functional model of its own.
    graph = getattr(model, "_functional", None) or model
    tensors = getattr(graph, "inputs", None)
    if not tensors or not hasattr(graph, "output_names"):
        raise BridgeFailure("no-signature", f"the {type(model).__name__} model was saved before it knew the shape of its input")
    names = plain_names([tensor.name for tensor in tensors])
    inputs = [(name, tf.TensorSpec(tensor.shape, tensor.dtype)) for name, tensor in zip(names, tensors)]
    output = graph.output
    output_names = sorted(output) if isinstance(output, dict) else list(graph.output_names)

    def call(*flat):
        return tf.nest.flatten(model(tf.nest.pack_sequence_as(graph.input, flat), training=False))

    return Original(inputs, output_names, call, model)


def refuse_code(request):
    """Keras ignores safe_mode in .h5 files (CVE-2025-9905), so code in a file is looked for before Keras opens it."""
    if request["format"] == "h5":
        import h5py

        with h5py.File(request["model"], "r") as file:
            config = file.attrs.get("model_config")
        if config is None:
            raise BridgeFailure("not-a-model", "the HDF5 file holds no model_config: weights alone are no model")
    else:
        with zipfile.ZipFile(request["model"]) as archive:
            config = archive.read("config.json")
    found = list(code_in(json.loads(config)))
    if found:
        raise BridgeFailure("unsafe", "the model holds Python code (a Lambda layer)", found)


def code_in(config):
    if isinstance(config, dict):
        if config.get("class_name") in ("Lambda", "__lambda__"):
            inner = config.get("config")
            yield str(config.get("name") or (inner.get("name") if isinstance(inner, dict) else None) or config["class_name"])
        else:
            config = list(config.values())
    if isinstance(config, list):
        for item in config:
            yield from code_in(item)


def plain_names(names):
    """Names that Keras made up (keras_tensor_7, input_layer_2) depend on what else the process had made: `input`, `input_1` instead."""
    made_up = re.compile(r"^(keras_tensor|input_layer|input)(_\d+)?$")
    kept = [name for name in names if not made_up.match(name)]
    return unique([name if name in kept else "input" for name in names], [])


def load_saved_model(request):
    import tensorflow as tf

    loaded = tf.saved_model.load(request["model"])
    signatures = loaded.signatures
    key = "serving_default" if "serving_default" in signatures else next(iter(signatures), None)
    if key is None:
        raise BridgeFailure("no-signature", "the SavedModel has no signature that could be called")
    signature = signatures[key]
    # The signature is a map, and comes in another order from one process to the next.
    specs = sorted(signature.structured_input_signature[1].items(), key=lambda item: in_counting_order(item[0]))
    outputs = sorted(signature.structured_outputs, key=in_counting_order)

    def call(*flat):
        answer = signature(**dict(zip([name for name, _ in specs], flat)))
        return [answer[name] for name in outputs]

    names = plain_names([name for name, _ in specs])
    return Original([(name, spec) for name, (_, spec) in zip(names, specs)], outputs, call, loaded)


def in_counting_order(name):
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def load_frozen_graph(request):
    import tensorflow as tf

    graph_def = tf.compat.v1.GraphDef()
    with open(request["model"], "rb") as file:
        graph_def.ParseFromString(file.read())
    wrapped = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph_def, name=""), [])
    ends = {end: [name if ":" in name else f"{name}:0" for name in request[end]] for end in ("inputs", "outputs")}
    known = {end: [wrapped.graph.get_tensor_by_name(name) for name in ends[end]] for end in ends}
    pruned = wrapped.prune(known["inputs"], known["outputs"])
    inputs = [(re.sub(":0$", "", tensor.name), tf.TensorSpec(tensor.shape, tensor.dtype)) for tensor in known["inputs"]]
    return Original(inputs, [re.sub(":0$", "", name) for name in ends["outputs"]], lambda *flat: tf.nest.flatten(pruned(*flat)), pruned)
