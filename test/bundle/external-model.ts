/** An ONNX model y = x · w over [N, 3], element by element, whose w = [10, 20, 30] lies in a file of its own at `location`. */
export function externalModel(location: string): { readonly bytes: Uint8Array; readonly data: Uint8Array; readonly location: string } {
  const w = Float32Array.of(10, 20, 30);
  const entry = (key: string, value: string) => block(13, Buffer.concat([text(1, key), text(2, value)]));
  const tensor = Buffer.concat([whole(1, 3), whole(2, 1), text(8, 'w'), entry('location', location), entry('length', '12'), whole(14, 1)]);
  const shape = Buffer.concat([block(1, text(2, 'N')), block(1, whole(1, 3))]);
  const value = (name: string) => Buffer.concat([text(1, name), block(2, block(1, Buffer.concat([whole(1, 1), block(2, shape)])))]);
  const node = Buffer.concat([text(1, 'x'), text(1, 'w'), text(2, 'y'), text(4, 'Mul')]);
  const graph = Buffer.concat([block(1, node), text(2, 'graph'), block(5, tensor), block(11, value('x')), block(12, value('y'))]);
  const opset = Buffer.concat([text(1, ''), whole(2, 17)]);
  const bytes = Buffer.concat([whole(1, 8), block(7, graph), block(8, opset)]);
  return { bytes, data: Buffer.from(w.buffer), location };
}

/** Protobuf fields; every number and length here is below 128 or takes two bytes. */
function whole(field: number, value: number): Buffer {
  return Buffer.concat([length(field << 3), length(value)]);
}

function text(field: number, value: string): Buffer {
  return block(field, Buffer.from(value));
}

function block(field: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([length((field << 3) | 2), length(bytes.length), bytes]);
}

function length(value: number): Buffer {
  return Buffer.from(value < 128 ? [value] : [(value & 127) | 128, value >> 7]);
}
