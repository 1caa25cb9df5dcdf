import sharp from 'sharp';
import { expect, test } from 'vitest';
import { decodeImage, Processing } from '../../core/serve/index.ts';

type Wanted = { readonly width: number; readonly height: number; readonly channels: 1 | 3; readonly invert?: boolean };

const decode = (image: Uint8Array, wanted: Wanted) => decodeImage(image, Processing.parse({ input: { image: wanted } }));

function png(pixels: readonly number[], width: number, channels: 1 | 2 | 3 | 4): Promise<Buffer> {
  const height = pixels.length / channels / width;
  return sharp(Uint8Array.from(pixels), { raw: { width, height, channels } }).png().toBuffer();
}

const size = { width: 2, height: 1 } as const;

test('an image of the declared size comes out pixel by pixel', async () => {
  const image = await png([1, 2, 3, 250, 251, 252], 2, 3);
  expect(await decode(image, { ...size, channels: 3 })).toEqual({
    dtype: 'uint8',
    shape: [1, 1, 2, 3],
    data: Uint8Array.of(1, 2, 3, 250, 251, 252),
  });
});

test('gray is Rec. 601 luma, rounded', async () => {
  const colors = [255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30];
  const { data, shape } = await decode(await png(colors, 4, 3), { width: 4, height: 1, channels: 1 });
  expect(shape).toEqual([1, 1, 4, 1]);
  expect([...data]).toEqual([76, 150, 29, 18]);
});

test('gray images are spread over three channels, and stay as they are in one', async () => {
  const image = await png([7, 200], 2, 1);
  expect([...(await decode(image, { ...size, channels: 3 })).data]).toEqual([7, 7, 7, 200, 200, 200]);
  expect([...(await decode(image, { ...size, channels: 1 })).data]).toEqual([7, 200]);
});

test('transparency is laid on black', async () => {
  const image = await png([200, 100, 50, 255, 200, 100, 50, 0], 2, 4);
  expect([...(await decode(image, { ...size, channels: 3 })).data]).toEqual([200, 100, 50, 0, 0, 0]);
});

test('an image is turned the way its EXIF orientation says before it is resized', async () => {
  const wide = await png([255, 255, 255, 0, 0, 0], 2, 3);
  // 6: the right side is the top of what was seen, so a quarter turn clockwise puts the left pixel on top.
  const turned = await sharp(wide).withMetadata({ orientation: 6 }).jpeg({ quality: 100, chromaSubsampling: '4:4:4' }).toBuffer();
  const { data } = await decode(turned, { width: 1, height: 2, channels: 1 });
  expect(Number(data[0])).toBeGreaterThan(200);
  expect(Number(data[1])).toBeLessThan(55);
});

test('inverting is 255 − value', async () => {
  expect([...(await decode(await png([0, 200], 2, 1), { ...size, channels: 1, invert: true })).data]).toEqual([255, 55]);
});

test('another size is resized without keeping the aspect ratio; a flat image stays flat', async () => {
  const flat = await sharp({ create: { width: 300, height: 20, channels: 3, background: '#804020' } })
    .jpeg({ quality: 100 })
    .toBuffer();
  const { data, shape } = await decode(flat, { width: 28, height: 28, channels: 1 });
  expect(shape).toEqual([1, 28, 28, 1]);
  const expected = 0.299 * 0x80 + 0.587 * 0x40 + 0.114 * 0x20;
  for (const value of data) expect(Math.abs(Number(value) - expected)).toBeLessThan(3);
});

test('what is no image, is damaged, or would fill the memory is refused', async () => {
  const wanted: Wanted = { ...size, channels: 3 };
  await expect(decode(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'), wanted)).rejects.toThrow(
    'not an image',
  );
  await expect(decode(new Uint8Array(0), wanted)).rejects.toThrow('not an image');
  const image = await png(
    Array.from({ length: 3000 }, (_, index) => (index * 7919) % 256),
    10,
    3,
  );
  await expect(decode(image.subarray(0, image.length / 2), wanted)).rejects.toThrow('cannot be decoded');
  const huge = await sharp({ create: { width: 9000, height: 9000, channels: 3, background: '#000000' } })
    .png({ compressionLevel: 1 })
    .toBuffer();
  await expect(decode(huge, wanted)).rejects.toThrow(/pixel limit/);
});

test('a model without an image declaration takes no images', async () => {
  await expect(decodeImage(await png([1, 2, 3], 1, 3), Processing.parse({}))).rejects.toThrow('declares no image input');
});
