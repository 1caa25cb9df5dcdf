#!/usr/bin/env python3
"""Makes iris.onnx and iris.csv, which `modelflow init` writes where there is no model: pip install scikit-learn onnx, then run it here."""

import csv
import numpy
from onnx import TensorProto, checker, helper, numpy_helper, save
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

iris = load_iris()
train_x, test_x, train_y, test_y = train_test_split(iris.data, iris.target, test_size=0.4, random_state=0, stratify=iris.target)
scaler = StandardScaler().fit(train_x)
fitted = LogisticRegression(max_iter=1000).fit(scaler.transform(train_x), train_y)

# The scaling is part of the weights, so the model takes centimetres.
weights = (fitted.coef_ / scaler.scale_).T.astype(numpy.float32)
bias = (fitted.intercept_ - (fitted.coef_ / scaler.scale_) @ scaler.mean_).astype(numpy.float32)
graph = helper.make_graph(
    [
        helper.make_node("Gemm", ["input", "weights", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=-1),
    ],
    "iris",
    [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 4])],
    [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 3])],
    [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(bias, "bias")],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="modelflow")
checker.check_model(model)
save(model, "iris.onnx")

with open("iris.csv", "w", newline="") as file:
    out = csv.writer(file, lineterminator="\n")
    out.writerow(["sepal_length", "sepal_width", "petal_length", "petal_width", "label"])
    for row, label in zip(test_x, test_y):
        out.writerow([*row, label])
print(f"accuracy on iris.csv: {fitted.score(scaler.transform(test_x), test_y):.4f}")
