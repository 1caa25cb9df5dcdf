"""Quantizes an ONNX model to int8 with onnxruntime: static (calibrated) or dynamic."""

import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(HERE, "..", "lib")]
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
from bridge import BridgeFailure, first_line, progress, talk  # noqa: E402

sys.dont_write_bytecode = False
# Quantizing anything else (Add, Sigmoid, …) costs accuracy and time on CPUs.
STATIC = ["Conv", "ConvTranspose", "MatMul", "Gemm"]
# ConvInteger is several times slower than a float convolution.
DYNAMIC = ["MatMul", "Gemm", "LSTM"]
PER_CHANNEL_OPSET = 13  # DequantizeLinear has no axis before
BATCH = 32


def default_opset(model):
    return next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)


def upgraded(model):
    import onnx.version_converter

    if default_opset(model) >= PER_CHANNEL_OPSET:
        return model
    try:
        return onnx.version_converter.convert_version(model, PER_CHANNEL_OPSET)
    except Exception as error:
        raise BridgeFailure("failed", f"opset {default_opset(model)} cannot be raised to {PER_CHANNEL_OPSET}: {first_line(error)}") from error


def preprocessed(model, folder):
    """Shapes inferred, batch normalization folded; each step is left out when it fails, because only speed depends on it."""
    import onnx
    from onnxruntime.quantization import shape_inference

    source, target, large = os.path.join(folder, "in.onnx"), os.path.join(folder, "out.onnx"), model.ByteSize() > 1 << 30
    onnx.save(model, source, save_as_external_data=large)
    for skip_symbolic in (False, True):
        try:
            shape_inference.quant_pre_process(source, target, skip_symbolic_shape=skip_symbolic, save_as_external_data=large)
            return target
        except Exception as error:
            print(f"preparation (symbolic shapes: {not skip_symbolic}) failed: {first_line(error)}", file=sys.stderr)
    return source


def candidates(path, kinds):
    """Nodes of these kinds that have constant weights."""
    import onnx

    model = onnx.load(path, load_external_data=False)
    constant = {tensor.name for tensor in model.graph.initializer}
    return [node for node in model.graph.node if node.op_type in kinds and node.input[1] in constant]


def reader(files, fixed, method):
    """The calibration rows, as many at a time as the model takes."""
    import numpy as np
    from onnxruntime.quantization import CalibrationDataReader

    arrays = {name: np.load(path, mmap_mode="r", allow_pickle=False) for name, path in files.items()}
    total = min(map(len, arrays.values()))
    # Histograms are made of batches of one size only.
    even = next(size for size in range(BATCH, 0, -1) if total % size == 0)
    size = fixed or (BATCH if method == "MinMax" else even)
    # A rest that does not fill a fixed batch is left out: repeated rows would weigh more than others.
    last = total - total % size if fixed else total

    class Rows(CalibrationDataReader):
        def __init__(self):
            self.at = 0

        def get_next(self):
            if self.at >= last:
                return None
            rows = {name: np.ascontiguousarray(array[self.at : self.at + size]) for name, array in arrays.items()}
            self.at += size
            progress(0.3 + 0.4 * min(1, self.at / total), f"calibrate: {min(self.at, total)} of {total} rows")
            return rows

    return Rows()


def quantized_weights(path):
    """Opset, and how many weights became int8 (biases become int32)."""
    import onnx

    model = onnx.load(path, load_external_data=False)
    int8 = [t for t in model.graph.initializer if t.data_type == onnx.TensorProto.INT8 and t.name.endswith("_quantized")]
    return default_opset(model), len(int8)


def quantize(request, source, nodes):
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_dynamic, quantize_static

    shared = {"per_channel": request["perChannel"], "reduce_range": request["reduceRange"], "weight_type": QuantType.QInt8}
    if request["scheme"] == "dynamic":
        # Not by name: a Gemm becomes a MatMul of another name first. Only those with constant weights are quantized anyway.
        return quantize_dynamic(source, request["out"], op_types_to_quantize=["MatMul", "LSTM"], **shared)
    method = {"min-max": "MinMax", "entropy": "Entropy", "percentile": "Percentile"}[request["method"]]
    quantize_static(
        source,
        request["out"],
        reader(request["calibration"], request["fixedBatch"], method),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=STATIC,
        nodes_to_quantize=[node.name for node in nodes],
        activation_type=QuantType.QUInt8,
        calibrate_method=getattr(CalibrationMethod, method),
        extra_options={"WeightSymmetric": True, "ActivationSymmetric": False},
        **shared,
    )


def named(path):
    """Nodes are chosen by name, and some exporters give none, or one twice."""
    import onnx

    model = onnx.load(path)
    seen = set()
    for index, node in enumerate(model.graph.node):
        node.name = node.name if node.name and node.name not in seen else f"{node.op_type}_{index}"
        seen.add(node.name)
    return model


def work(request):
    progress(0.05, "prepare the model")
    model = named(request["model"])
    with tempfile.TemporaryDirectory(dir=request["folder"]) as folder:
        source = preprocessed(upgraded(model), folder)
        nodes = candidates(source, STATIC if request["scheme"] == "static" else DYNAMIC)
        if not nodes:
            raise BridgeFailure("nothing-to-quantize", "no convolution or matrix product with constant weights was found")
        progress(0.3, "quantize")
        quantize(request, source, nodes)
    convolutions = sum("Conv" in node.op_type for node in model.graph.node)
    opset, quantized = quantized_weights(request["out"])
    if quantized == 0:
        raise BridgeFailure("nothing-to-quantize", "onnxruntime quantized none of the weights")
    return {"opset": opset, "quantized": quantized, "convolutions": convolutions}


talk(work)
