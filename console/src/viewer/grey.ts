/** From stored values to greys (DICOM PS3.3 C.11.1 and C.11.2). */
import type { Image, Window } from "./image";

function decode(stored: number, { bitsStored, highBit, isSigned, slope, intercept }: Image): number {
  const value = (stored >> (highBit - bitsStored + 1)) & (2 ** bitsStored - 1);
  const isBelowZero = isSigned && value >= 2 ** (bitsStored - 1);
  return (isBelowZero ? value - 2 ** bitsStored : value) * slope + intercept;
}

/** The window that the file names, else one that shows all of the image. */
export function findWindow(image: Image): Window {
  if (image.window) return image.window;
  let [low, high] = [Infinity, -Infinity];
  const step = Math.max(1, Math.floor(image.pixels.length / 65_536));
  for (let index = 0; index < image.pixels.length; index += step) {
    const value = decode(image.pixels[index] ?? 0, image);
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return { center: (low + high) / 2, width: Math.max(high - low, 1) };
}

/** A grey of the linear window, 0 to 255. */
export function toGrey(value: number, { center, width }: Window): number {
  const shifted = value - (center - 0.5);
  if (shifted <= -(width - 1) / 2) return 0;
  if (shifted > (width - 1) / 2) return 255;
  return Math.round((shifted / (width - 1) + 0.5) * 255);
}

/** Paint an image as RGBA, through a table of all values that can be stored. */
export function paint(image: Image, window: Window, isInverted: boolean): Uint8ClampedArray<ArrayBuffer> {
  const isNegative = image.isNegative !== isInverted;
  const table = Uint32Array.from({ length: image.pixels.BYTES_PER_ELEMENT === 1 ? 256 : 65_536 }, (_, stored) => {
    const grey = toGrey(decode(stored, image), window);
    return 0xff000000 + (isNegative ? 255 - grey : grey) * 0x010101;
  });
  const painted = new Uint32Array(image.pixels.length);
  for (let index = 0; index < painted.length; index += 1) painted[index] = table[image.pixels[index] ?? 0] ?? 0;
  return new Uint8ClampedArray(painted.buffer);
}
