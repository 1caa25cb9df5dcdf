import type { Processing } from './facts.ts';
import { ValueError } from './numbers.ts';
import type { Tensor } from './tensor.ts';

/** A larger image is refused before it is decoded: a small file can unpack to gigabytes. */
const maxPixels = 50_000_000;

interface Pixels {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

/**
 * Decodes a PNG, JPEG, WebP or GIF (its first frame) into uint8 [1, height, width, channels], as `processing.input.image` declares:
 * turned upright by its EXIF orientation, transparency laid on black, 8-bit sRGB; one channel by Rec. 601 luma
 * (0.299 R + 0.587 G + 0.114 B, rounded); resized without keeping the aspect ratio by Catmull-Rom cubic interpolation; inverted if declared.
 * Throws a `ValueError` for anything else.
 */
export async function decodeImage(bytes: Uint8Array, processing: Processing): Promise<Tensor> {
  const { image } = processing.input;
  if (image === undefined) throw new ValueError('the model declares no image input, so images cannot be decoded for it');
  if (!isImage(bytes)) throw new ValueError('not an image that can be decoded: PNG, JPEG, WebP and GIF are');
  const color = await decode(bytes);
  const wanted = image.channels === 1 ? luma(color) : color;
  const sized = await resize(wanted, image.width, image.height);
  const data = image.invert ? Uint8Array.from(sized.data, (value) => 255 - value) : sized.data;
  return { dtype: 'uint8', shape: [1, image.height, image.width, image.channels], data };
}

/** Whether the bytes begin like a PNG, JPEG, GIF or WebP. Other formats that the decoder knows, as SVG, can name other files. */
function isImage(bytes: Uint8Array): boolean {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(12, bytes.byteLength)).toString('latin1');
  const webp = head.startsWith('RIFF') && head.slice(8) === 'WEBP';
  return webp || head.startsWith('\x89PNG\r\n') || head.startsWith('\xff\xd8\xff') || /^GIF8[79]a/.test(head);
}

async function decode(bytes: Uint8Array): Promise<Pixels> {
  const { default: sharp } = await import('sharp');
  try {
    const { data, info } = await sharp(bytes, { limitInputPixels: maxPixels, failOn: 'error' })
      .autoOrient()
      .flatten({ background: '#000000' })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return { data: plain(data), width: info.width, height: info.height, channels: info.channels };
  } catch (cause) {
    throw new ValueError(`the image cannot be decoded: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

/** Whole-number arithmetic, so that every machine gives the same. */
function luma({ data, width, height, channels }: Pixels): Pixels {
  if (channels === 1) return { data, width, height, channels };
  const gray = new Uint8Array(width * height);
  for (let pixel = 0; pixel < gray.length; pixel += 1) {
    const at = pixel * channels;
    const sum = 299 * (data[at] ?? 0) + 587 * (data[at + 1] ?? 0) + 114 * (data[at + 2] ?? 0);
    gray[pixel] = Math.floor((sum + 500) / 1000);
  }
  return { data: gray, width, height, channels: 1 };
}

async function resize(pixels: Pixels, width: number, height: number): Promise<Pixels> {
  if (pixels.width === width && pixels.height === height) return pixels;
  const { default: sharp } = await import('sharp');
  const raw = { width: pixels.width, height: pixels.height, channels: pixels.channels === 1 ? 1 : 3 } as const;
  const { data, info } = await sharp(pixels.data, { raw, limitInputPixels: maxPixels })
    .resize({ width, height, fit: 'fill', kernel: 'cubic', fastShrinkOnLoad: false })
    .toColourspace(pixels.channels === 1 ? 'b-w' : 'srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  return { data: plain(data), width: info.width, height: info.height, channels: info.channels };
}

/** A Buffer's `slice` shares memory where a Uint8Array's copies: tensors have none. */
function plain(data: Buffer): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
