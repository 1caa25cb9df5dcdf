import { atMost, definePipeline } from 'modelflow';
import { dataset } from 'modelflow/stages';
import { featureRanges } from './feature-ranges.ts';

export default definePipeline({
  name: 'own-python-stage',
  build: () => {
    const calibration = dataset({ path: '../../digits/calibration.npz' });
    const ranges = featureRanges({ data: calibration });
    const test = dataset({ path: '../../digits/test.npz', gates: [atMost(ranges, 'highest', 255)] });
    return { ranges, test };
  },
});
