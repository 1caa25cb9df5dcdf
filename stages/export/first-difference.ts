import { BridgeError, type StageContext, z } from '../../core/index.ts';
import { type OriginalModel, originalRequest, tensorflowEnvironment } from './original.ts';
import { round, type Tolerance } from './parity.ts';

const Reply = z.object({
  compared: z.int(),
  before: z.string().nullable(),
  first: z.object({ node: z.string(), operator: z.string(), tensor: z.string(), maxAbsoluteError: z.number().nullable() }).nullable(),
});

export const firstDifferenceScript = new URL('./first_difference_bridge.py', import.meta.url);

/** Where the two models part, in words for the report of a mismatch; says so when it could not be found. Files are .npy, by input name. */
export async function firstDifference(
  ctx: Pick<StageContext, 'python'>,
  original: OriginalModel,
  converted: { readonly onnx: string; readonly originalInputs: Files; readonly onnxInputs: Files },
  tolerance: Tolerance,
): Promise<string> {
  try {
    const reply = await ctx.python.call({
      environment: tensorflowEnvironment,
      script: firstDifferenceScript,
      request: { original: originalRequest(original), ...converted, ...tolerance },
    });
    return describe(Reply.parse(reply));
  } catch (error) {
    // The mismatch itself is what must be told; that its cause was not found is told with it.
    if (error instanceof BridgeError) return `the first node that differs could not be found: ${error.message}`;
    throw error;
  }
}

type Files = Readonly<Record<string, string>>;

function describe({ compared, first, before }: z.infer<typeof Reply>): string {
  if (compared === 0) return 'the first node that differs could not be found: the two graphs have no tensor name in common';
  if (!first)
    return `all ${compared} intermediate results that could be compared agree in onnxruntime for Python, without its optimisations`;
  const { operator, node, tensor, maxAbsoluteError } = first;
  const after = before === null ? '' : `, after ${before}, which agrees`;
  return `first node that differs: ${operator} ${node} (tensor ${tensor}, by ${round(maxAbsoluteError ?? Infinity)})${after}`;
}
