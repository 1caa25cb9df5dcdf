#!/usr/bin/env python3
"""What scikit-learn says of each case: one answer per case, NaN as null. The definitions that modelflow's metrics are held to."""

import json
import math
import sys
import warnings

import numpy as np
from sklearn import metrics as m

warnings.filterwarnings("ignore")


def counts(case):
    y, p = np.array(case["actual"]), np.array(case["predicted"])
    labels = case.get("labels")
    answer = {
        "accuracy": m.accuracy_score(y, p),
        "balancedAccuracy": m.balanced_accuracy_score(y, p),
        "matthewsCorrelation": m.matthews_corrcoef(y, p),
        "confusion": m.confusion_matrix(y, p, labels=range(case["classes"])).ravel().tolist(),
    }
    for average in ["micro", "macro", "weighted"] + (["binary"] if case["classes"] == 2 else []):
        for zero in [0, 1, math.nan]:
            chosen = None if average == "binary" else labels
            values = m.precision_recall_fscore_support(y, p, average=average, zero_division=zero, labels=chosen)
            answer[f"{average}/{zero}"] = [float(value) for value in values[:3]]
    return answer


def scores(case):
    y, s = np.array(case["actual"]), np.array(case["scores"], dtype=case.get("dtype", "float64"))
    if s.ndim == 1:
        answer = {"rocAuc": m.roc_auc_score(y, s), "averagePrecision": m.average_precision_score(y, s)}
    else:
        classes = list(range(s.shape[1]))
        column = [m.roc_auc_score(y == k, s[:, k]) for k in classes]
        answer = {
            "rocAuc": float(np.mean(column)),
            "topK": [m.top_k_accuracy_score(y, s, k=k, labels=classes) for k in classes[1:]] if len(classes) > 2 else [],
        }
        if len(set(y)) == len(classes) and len(classes) > 2:
            answer["averagePrecision"] = m.average_precision_score(y, s)
            if np.allclose(1, s.sum(axis=1)):
                answer["rocAuc"] = m.roc_auc_score(y, s, multi_class="ovr", labels=classes)
    if s.min() >= 0 and s.max() <= 1:
        answer["logLoss"] = m.log_loss(y, s, labels=list(range(2 if s.ndim == 1 else s.shape[1])))
        answer["calibrationError"] = calibration_error(y, s if s.ndim == 2 else np.stack([1 - s, s], axis=1))
    return answer


def calibration_error(y, probabilities, bins=15):
    """scikit-learn has none: top-label, equal width, bins closed on the right, as in calibration_curve."""
    confidence, hit = probabilities.max(axis=1), probabilities.argmax(axis=1) == y
    bin_of = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidence)
    parts = [(bin_of == b) for b in range(bins) if (bin_of == b).any()]
    return float(sum(part.mean() * abs(hit[part].mean() - confidence[part].mean()) for part in parts))


def regression(case):
    shape = (-1, case["outputs"]) if case["outputs"] > 1 else (-1,)
    y, p = np.array(case["actual"], float).reshape(shape), np.array(case["predicted"], float).reshape(shape)
    return {
        "meanSquaredError": m.mean_squared_error(y, p),
        "meanAbsoluteError": m.mean_absolute_error(y, p),
        "halfSumOfSquares": 0.5 * math.fsum(((y - p) ** 2).ravel()),
        "r2": m.r2_score(y, p),
    }


def plain(value):
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    number = float(value)
    return number if math.isfinite(number) else None


def main():
    kinds = {"counts": counts, "scores": scores, "regression": regression}
    request = json.loads(sys.stdin.readline())
    with open(request["cases"], encoding="utf-8") as file:
        cases = json.load(file)
    with open(request["answers"], "w", encoding="utf-8") as file:
        json.dump([plain(kinds[case["kind"]](case)) for case in cases], file)
    print(json.dumps({"ok": {"cases": len(cases)}}))


if __name__ == "__main__":
    main()
