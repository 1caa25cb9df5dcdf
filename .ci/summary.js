// Prints the one line that CI ends with, from vitest's JSON report. A skipped test is a failure here: every suite should have run.
import { readFileSync } from 'node:fs';

const read = () => {
  try {
    return JSON.parse(readFileSync(process.argv[2], 'utf8'));
  } catch {
    return { numPassedTests: 0, numFailedTests: 1, numPendingTests: 0, numTodoTests: 0, testResults: [] };
  }
};
const report = read();
const skipped = report.numPendingTests + report.numTodoTests;
// A file that could not even be loaded has no tests to count.
const broken = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length;
for (const file of report.testResults) {
  for (const test of file.assertionResults) if (test.status === 'pending' || test.status === 'skipped') console.log(`skipped: ${test.fullName}`);
}
console.log(`${report.numPassedTests} passed, ${report.numFailedTests + broken} failed, ${skipped} skipped`);
process.exitCode = report.numFailedTests + broken + skipped > 0 || report.numPassedTests === 0 ? 1 : 0;
