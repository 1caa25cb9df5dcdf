"""Makes small models of the kinds that people have, in every form that TensorFlow writes: {"make": [names], "folder"} → files there."""

import json
import os
import sys

request = json.loads(sys.stdin.readline())
reply_to = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from keras import layers  # noqa: E402

os.chdir(request["folder"])
keras.utils.set_random_seed(3)


def spec(*shape, dtype=tf.float32):
    return tf.TensorSpec(shape, dtype, name="x")


def convolutional():
    """Every layer of a usual image model; its batch normalization has statistics that are not 0 and 1."""
    image = keras.Input((32, 32, 3), name="image")
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu", name="stem")(image)
    x = layers.BatchNormalization(name="norm")(x)
    shortcut = x
    x = layers.Conv2D(8, 3, padding="same", groups=2, name="grouped")(x)
    x = layers.SeparableConv2D(8, 3, padding="same", activation="relu", name="separable")(x)
    x = layers.Add(name="residual")([x, shortcut])
    x = layers.MaxPooling2D(name="pool")(x)
    x = layers.GlobalAveragePooling2D(name="average")(x)
    model = keras.Model(image, layers.Dense(5, name="logits")(x))
    norm = model.get_layer("norm")
    norm.set_weights([np.random.uniform(0.5, 1.5, 8) for _ in range(4)])
    return model


def two_ends():
    """Two inputs of different kinds, one of any length, and two outputs."""
    numbers = keras.Input((4,), name="numbers")
    words = keras.Input((None,), dtype="int32", name="words")
    text = layers.GlobalAveragePooling1D()(layers.Embedding(30, 6, name="embedding")(words))
    both = layers.Dense(8, activation="gelu", name="both")(layers.Concatenate()([numbers, text]))
    return keras.Model([numbers, words], [layers.Dense(3, activation="softmax", name="topic")(both), layers.Dense(1, name="score")(both)])


def recurrent():
    return keras.Sequential(
        [
            keras.Input((None, 6)),
            layers.Bidirectional(layers.GRU(5, return_sequences=True)),
            layers.LSTM(7),
            layers.Dense(2, activation="sigmoid", name="answer"),
        ]
    )


def perceptron():
    return keras.Sequential([keras.Input((6,), name="row"), layers.Dense(8, activation="celu", name="hidden"), layers.Dense(3, name="scores")])


@keras.saving.register_keras_serializable("acme")
class Twice(layers.Layer):
    def call(self, inputs):
        return inputs * 2


def module(function, signature, path):
    holder = tf.Module()
    tf.saved_model.save(holder, path, signatures=tf.function(function, input_signature=[signature]))


def frozen():
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    model = perceptron()
    function = tf.function(lambda row: model(row)).get_concrete_function(tf.TensorSpec((None, 6), name="row"))
    graph = convert_variables_to_constants_v2(function).graph
    with open("frozen.pb", "wb") as file:
        file.write(graph.as_graph_def().SerializeToString())


def without_weights():
    """A .keras file whose archive is whole and whose weights are not."""
    import zipfile

    perceptron().save("whole.keras")
    with zipfile.ZipFile("whole.keras") as whole, zipfile.ZipFile("corrupt.keras", "w") as corrupt:
        for name in whole.namelist():
            corrupt.writestr(name, whole.read(name)[:700] if name.endswith(".h5") else whole.read(name))


def with_lambda(path):
    keras.Sequential([keras.Input((3,)), layers.Lambda(lambda x: x + 1, name="plus_one")]).save(path)


makers = {
    "cnn.keras": lambda: convolutional().save("cnn.keras"),
    "cnn-saved": lambda: convolutional().export("cnn-saved", verbose=False),
    "two-ends.keras": lambda: two_ends().save("two-ends.keras"),
    "two-ends-saved": lambda: two_ends().export("two-ends-saved", verbose=False),
    "recurrent.keras": lambda: recurrent().save("recurrent.keras"),
    "perceptron.h5": lambda: perceptron().save("perceptron.h5"),
    "perceptron.keras": lambda: perceptron().save("perceptron.keras"),
    "frozen.pb": frozen,
    "corrupt.keras": without_weights,
    "lambda.keras": lambda: with_lambda("lambda.keras"),
    "lambda.h5": lambda: with_lambda("lambda.h5"),
    "custom.keras": lambda: keras.Sequential([keras.Input((3,)), Twice()]).save("custom.keras"),
    "unbuilt.keras": lambda: keras.Sequential([layers.Dense(3)]).save("unbuilt.keras"),
    "weights.h5": lambda: perceptron().save_weights("x.weights.h5"),
    "fixed-batch": lambda: module(lambda x: tf.nn.softmax(x * 3), spec(2, 4), "fixed-batch"),
    "inverse": lambda: module(lambda x: tf.linalg.inv(x) + tf.math.lgamma(x), spec(None, 3, 3), "inverse"),
    "hash": lambda: module(lambda x: tf.strings.to_hash_bucket_fast(x, 10), spec(None, 3, dtype=tf.string), "hash"),
    "writer": lambda: module(lambda x: (tf.io.write_file("written.txt", "x"), x + 1)[1], spec(None, 3), "writer"),
    "random": lambda: module(lambda x: x + tf.random.normal(tf.shape(x)), spec(None, 3), "random"),
}
for name in request["make"]:
    makers[name]()
print(json.dumps({"ok": None}), file=reply_to, flush=True)
