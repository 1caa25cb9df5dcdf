"""One JSON request on stdin, progress on file descriptor 3, text for people on stderr, one JSON result as the last line of stdout."""

import json
import os
import sys

import numpy as np


def progress(fraction, doing):
    os.write(3, (json.dumps({"progress": fraction, "doing": doing}) + "\n").encode())


def fail(kind, message):
    print(json.dumps({"error": {"kind": kind, "message": message, "detail": []}}))
    sys.exit(1)


request = json.loads(sys.stdin.readline())
report, highest = {}, -np.inf
for index, path in enumerate(request["files"]):
    name = os.path.basename(path).removesuffix(".npy")
    progress(index / len(request["files"]), name)
    values = np.load(path, allow_pickle=False)
    if values.dtype.kind not in "biuf":
        fail("not-numeric", f"{name} holds {values.dtype}, which has no range")
    columns = values.reshape(len(values), -1)
    low, high = np.quantile(columns, [request["outside"], 1 - request["outside"]], axis=0)
    report[name] = {"low": low.tolist(), "high": high.tolist()}
    highest = max(highest, float(columns.max()))

with open(request["report"], "w") as file:
    json.dump(report, file)
lows, highs = (np.concatenate([np.array(ranges[end]) for ranges in report.values()]) for end in ("low", "high"))
print(json.dumps({"ok": {"features": len(lows), "constant": int((lows == highs).sum()), "highest": highest}}))
