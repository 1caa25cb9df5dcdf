"""Trains the digits model and writes everything in this folder that is not text.

Run once, with Python 3.11 on x86-64 Linux, in this folder:

    pip install --require-hashes -r ../../stages/export/tensorflow.lock
    pip install scikit-learn==1.9.1 pillow==13.0.0
    python train.py

The data are scikit-learn's 1,797 handwritten digits (UCI, 8 × 8 pixels, 0…16), enlarged to 28 × 28 pixels of 0…255. The model takes
pixels divided by 255; deploy.config.ts declares that division, so it is done alike in evaluation, calibration and serving.
"""

import os

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SEED = 7
SIZE = 28


def enlarged(image):
    """8 × 8 of 0…16 → 28 × 28 of 0…255: the digit fills 24 × 24 in the middle, light on dark."""
    small = Image.fromarray(np.round(image * 255 / 16).astype(np.uint8))
    large = np.asarray(small.resize((24, 24), Image.Resampling.BICUBIC))
    return np.pad(large, 2)


def shifted(images, labels, random, copies):
    """Copies moved by up to two pixels: people do not write in the middle."""
    moved = [images]
    for _ in range(copies):
        steps = random.integers(-2, 3, (len(images), 2))
        moved.append(np.stack([np.roll(image, step, (0, 1)) for image, step in zip(images, steps)]))
    return np.concatenate(moved), np.tile(labels, copies + 1)


def network():
    return keras.Sequential(
        [
            keras.layers.Input((SIZE, SIZE), name="image"),
            keras.layers.Flatten(name="flatten"),
            keras.layers.Dense(128, activation="relu", name="hidden"),
            keras.layers.Dropout(0.2, name="dropout"),
            keras.layers.Dense(10, activation="softmax", name="probabilities"),
        ]
    )


def main():
    keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    random = np.random.default_rng(SEED)

    digits = load_digits()
    x = np.stack([enlarged(image) for image in digits.images])
    y = digits.target.astype(np.int64)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=500, random_state=SEED, stratify=y)
    _, x_calibration, _, y_calibration = train_test_split(x_train, y_train, test_size=200, random_state=SEED, stratify=y_train)
    x_more, y_more = shifted(x_train, y_train, random, copies=4)

    model = network()
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x_more / 255.0, y_more, batch_size=64, epochs=20, verbose=2)
    _, accuracy = model.evaluate(x_test / 255.0, y_test, verbose=0)
    print(f"test accuracy {accuracy:.4f} on {len(y_test)} rows")

    # Without the optimizer's memory, which is twice the size of the weights and of no use to anybody who only asks the model.
    bare = network()
    bare.set_weights(model.get_weights())
    bare.save("digits.keras")
    np.savez_compressed("test.npz", x=x_test, y=y_test)
    np.savez_compressed("calibration.npz", x=x_calibration, y=y_calibration)
    guesses = np.argmax(model.predict(x_test / 255.0, verbose=0), axis=1)
    seven = next(i for i in range(len(y_test)) if y_test[i] == 7 and guesses[i] == 7)
    Image.fromarray(x_test[seven]).save("seven.png")


main()
