import { atLeast, definePipeline } from 'modelflow';
import { dataset } from 'modelflow/stages';
import { classBalance } from './class-balance.ts';

export default definePipeline({
  name: 'own-stage',
  build: () => {
    const test = dataset({ path: '../../digits/test.npz' });
    const balance = classBalance({ data: test });
    // What stands behind a gate is made only when the gate holds.
    const calibration = dataset({ path: '../../digits/calibration.npz', gates: [atLeast(balance, 'fewestRows', 40)] });
    return { balance, calibration };
  },
});
