/** What `symmetricQuantize` gives: values[i] ≈ quantized[i] · scale. */
export interface SymmetricQuantization {
  readonly scale: number;
  /** Whole numbers from −(2^(bits−1) − 1) to 2^(bits−1) − 1. */
  readonly quantized: Int32Array;
}

/**
 * Symmetric quantization of one tensor, or of one channel: scale = max|R| / (2^(bits−1) − 1), Q = round(R / scale), ties to even,
 * as onnxruntime does it for weights (zero point 0). All zeros give scale 1. Throws a RangeError for `bits` outside of 2 to 16, and
 * for values that are not finite: they would make every other value zero.
 */
export function symmetricQuantize(values: ArrayLike<number>, bits = 8): SymmetricQuantization {
  if (!Number.isInteger(bits) || bits < 2 || bits > 16) throw new RangeError(`${bits} bits: a whole number from 2 to 16 was expected`);
  let largest = 0;
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index] ?? 0;
    if (!Number.isFinite(value)) throw new RangeError(`value ${index} is ${value}, which cannot be quantized`);
    largest = Math.max(largest, Math.abs(value));
  }
  const highest = 2 ** (bits - 1) - 1;
  const quantized = new Int32Array(values.length);
  // Zeros, and values so small that the scale itself would be zero.
  const scale = largest / highest || 1;
  for (let index = 0; index < values.length; index += 1) {
    const rounded = roundHalfToEven((values[index] ?? 0) / scale);
    quantized[index] = Math.max(-highest, Math.min(highest, rounded));
  }
  return { scale, quantized };
}

function roundHalfToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}
