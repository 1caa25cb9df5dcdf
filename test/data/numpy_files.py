"""NumPy as the other party: writes .npy files of every kind it can, and says which files of modelflow hold the same arrays as its own."""

import json
import os
import sys

import numpy as np


def arrays():
    random = np.random.default_rng(7)
    for shape in [(), (0, 3), (1,), (5,), (3, 4), (2, 3, 4, 5)]:
        for kind in ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]:
            for order in "<>":
                for layout in "CF":
                    values = random.integers(0, 2, shape) if kind == "?" else random.normal(size=shape) * 100
                    array = np.abs(values).astype(np.dtype(kind).newbyteorder(order)) if kind[0] == "u" else values.astype(
                        np.dtype(kind).newbyteorder(order)
                    )
                    yield f"{kind.replace('?', 'b1')}{order == '>'}{layout}{'x'.join(map(str, shape))}", np.asarray(array, order=layout)
    yield "extremes-i8", np.array([np.iinfo(np.int64).min, np.iinfo(np.int64).max])
    yield "extremes-u8", np.array([0, np.iinfo(np.uint64).max], dtype=np.uint64)
    yield "special-f4", np.array([np.inf, -np.inf, np.nan, -0.0, 1e-45], dtype=np.float32)
    yield "unicode", np.array([["a", "bcd", ""], ["é", "😀x", "日本"]], order="F")
    yield "unicode-big", np.array(["a", "bcd", "é"], dtype=">U7")
    yield "bytes", np.array([b"a", b"bcd", "éü".encode()])


def write(folder):
    for name, array in arrays():
        np.save(os.path.join(folder, f"{name}.npy"), array)
    plain = np.arange(6, dtype=np.float32).reshape(2, 3)
    for version in [(1, 0), (2, 0), (3, 0)]:
        with open(os.path.join(folder, f"version{version[0]}.npy"), "wb") as file:
            np.lib.format.write_array(file, plain, version=version)
    refused = os.path.join(folder, "refused")
    os.mkdir(refused)
    np.save(os.path.join(refused, "objects.npy"), np.array([{}, 1], dtype=object), allow_pickle=True)
    np.save(os.path.join(refused, "fields.npy"), np.zeros(2, dtype=[("a", "<f4"), ("b", "<i4")]))
    np.save(os.path.join(refused, "complex.npy"), np.zeros(2, dtype=complex))
    np.save(os.path.join(refused, "dates.npy"), np.array(["2026-01-01"], dtype="datetime64[D]"))
    np.save(os.path.join(refused, "void.npy"), np.zeros(2, dtype="V2"))
    x, y = np.arange(3000.0).reshape(1000, 3), np.arange(1000)
    np.savez(os.path.join(folder, "stored.npz"), x=x, y=y)
    np.savez_compressed(os.path.join(folder, "deflated.npz"), x=np.asfortranarray(x.astype(">f4")), y=y.astype(">i8"))
    np.savez(os.path.join(folder, "refused", "pickled.npz"), x=x, y=np.array([None] * 1000, dtype=object))
    return sorted(name for name in os.listdir(folder) if name.endswith(".npy"))


def same(a, b):
    if a.dtype.kind == "S":
        a = np.char.decode(a, "utf-8")
    if a.dtype.kind == "U":
        return a.shape == b.shape and b.dtype.kind == "U" and a.tolist() == b.tolist()
    return a.shape == b.shape and a.dtype.newbyteorder("<") == b.dtype and b.flags.c_contiguous and a.astype(b.dtype).tobytes() == b.tobytes()


def compare(pairs):
    return [mine for mine, theirs in pairs if not same(np.load(mine), np.load(theirs))]


request = json.loads(sys.stdin.readline())
print(json.dumps({"ok": write(request["write"]) if "write" in request else compare(request["compare"])}))
