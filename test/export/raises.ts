import { type Diagnostic, ModelflowError } from 'modelflow';

/** The one diagnostic that something fails with; anything else it does is an error of the test. */
export async function diagnosticOf(act: Promise<unknown>): Promise<Diagnostic> {
  try {
    await act;
  } catch (error) {
    if (error instanceof ModelflowError && error.diagnostics.length === 1 && error.diagnostics[0]) return error.diagnostics[0];
    throw error;
  }
  throw new Error('it did not fail');
}
