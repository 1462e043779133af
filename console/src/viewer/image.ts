/** A DICOM file as a grey image. Nothing of the patient group (0010,xxxx) is read. */
import { type DataSet, parseDicom, readPart10Header } from "dicom-parser";
import { isDirections, type Place, type Vector } from "./place";

export type Trouble = "unreachable" | "notDicom" | "incomplete" | "encoding" | "tooLarge" | "notGrey" | "frames";

/** Why a file cannot be shown. */
export class ViewerError extends Error {
  constructor(readonly trouble: Trouble) {
    super(trouble);
  }
}

export interface Window {
  center: number;
  width: number;
}

export interface Image {
  rows: number;
  columns: number;
  /** As stored: bits beyond those of a value are still in it. */
  pixels: Uint8Array | Uint16Array;
  bitsStored: number;
  highBit: number;
  isSigned: boolean;
  slope: number;
  intercept: number;
  /** MONOCHROME1: the least value is white. */
  isNegative: boolean;
  window: Window | null;
  /** Height by width of a pixel. */
  aspect: number;
}

export const MAX_FILE_BYTES = 64 * 2 ** 20;
export const START_BYTES = 2 ** 16;
// What comes before the pixels: more is no header of an image, and would take long to read.
const MAX_HEADER_BYTES = 4 * 2 ** 20;
const MAX_SIDE = 4096;
const EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1";
const PIXELS = "x7fe00010";

const numbers = (data: DataSet, tag: string, n: number): number[] | null => {
  // Not by the parser's own index, which fails where there are fewer values.
  const found = (data.string(tag) ?? "").split("\\").map((each) => (each.trim() === "" ? NaN : Number(each)));
  return found.length >= n && found.slice(0, n).every(Number.isFinite) ? found.slice(0, n) : null;
};

const number = (data: DataSet, tag: string, fallback: number): number => numbers(data, tag, 1)?.[0] ?? fallback;

function parse(bytes: Uint8Array): { data: DataSet; isWhole: boolean } {
  let syntax: string | undefined;
  try {
    syntax = readPart10Header(bytes).string("x00020010");
  } catch {
    throw new ViewerError("notDicom");
  }
  if (syntax !== EXPLICIT_LITTLE_ENDIAN) throw new ViewerError(syntax === undefined ? "notDicom" : "encoding");
  try {
    return { data: parseDicom(bytes, { untilTag: PIXELS }), isWhole: true };
  } catch (error) {
    // Where it breaks off, what was read until then is handed on.
    const data = (error as { dataSet?: DataSet }).dataSet;
    if (!data) throw new ViewerError("incomplete");
    return { data, isWhole: false };
  }
}

function placeOf(data: DataSet): Place {
  const cosines = numbers(data, "x00200037", 6);
  const directions = cosines && ([cosines.slice(0, 3), cosines.slice(3)] as unknown as [Vector, Vector]);
  return {
    series: (data.string("x0020000e") ?? "").slice(0, 64),
    number: data.intString("x00200013") ?? null,
    position_mm: numbers(data, "x00200032", 3) as Vector | null,
    directions: directions && isDirections(directions) ? directions : null,
  };
}

/** Where an image lies, by the beginning of its file. */
export function readPlace(start: Uint8Array): Place {
  return placeOf(parse(start).data);
}

function readWindow(data: DataSet): Window | null {
  const [center, width] = [number(data, "x00281050", NaN), number(data, "x00281051", NaN)];
  return Number.isFinite(center) && width >= 1 ? { center, width } : null;
}

function readAspect(data: DataSet): number {
  const [height_mm = 1, width_mm = 1] = numbers(data, "x00280030", 2) ?? [];
  const aspect = height_mm / width_mm;
  return aspect >= 0.05 && aspect <= 20 ? aspect : 1;
}

function readPixels(data: DataSet, bytes: Uint8Array, n_pixels: number, bitsAllocated: number): Uint8Array | Uint16Array {
  const element = data.elements[PIXELS];
  if (element?.hadUndefinedLength) throw new ViewerError("encoding");
  const n_bytes = (n_pixels * bitsAllocated) / 8;
  if (!element || element.length < n_bytes || element.dataOffset + n_bytes > bytes.length) throw new ViewerError("incomplete");
  // A copy of the pixels alone, so that the rest of the file is forgotten.
  const own = bytes.slice(element.dataOffset, element.dataOffset + n_bytes);
  return bitsAllocated === 8 ? own : new Uint16Array(own.buffer);
}

/** Read a single grey image, uncompressed in explicit VR little endian; throw a `ViewerError` for everything else. */
export function readImage(bytes: Uint8Array): { image: Image; place: Place } {
  try {
    return read(bytes);
  } catch (error) {
    // The parser throws errors, texts and objects.
    throw error instanceof ViewerError ? error : new ViewerError("incomplete");
  }
}

function read(bytes: Uint8Array): { image: Image; place: Place } {
  const { data, isWhole } = parse(bytes.subarray(0, MAX_HEADER_BYTES));
  if (!isWhole || !data.elements[PIXELS]) throw new ViewerError(bytes.length > MAX_HEADER_BYTES ? "tooLarge" : "incomplete");
  const rows = data.uint16("x00280010") ?? 0;
  const columns = data.uint16("x00280011") ?? 0;
  const kind = data.string("x00280004") ?? "";
  const bitsAllocated = data.uint16("x00280100") ?? 0;
  const bitsStored = data.uint16("x00280101") ?? bitsAllocated;
  const highBit = data.uint16("x00280102") ?? bitsStored - 1;
  if (rows === 0 || columns === 0) throw new ViewerError("notGrey");
  if ((data.uint16("x00280002") ?? 1) !== 1 || !/^MONOCHROME[12]$/.test(kind)) throw new ViewerError("notGrey");
  if ((data.intString("x00280008") ?? 1) > 1) throw new ViewerError("frames");
  if (rows > MAX_SIDE || columns > MAX_SIDE) throw new ViewerError("tooLarge");
  if (bitsAllocated !== 8 && bitsAllocated !== 16) throw new ViewerError("encoding");
  if (bitsStored < 1 || bitsStored > bitsAllocated || highBit < bitsStored - 1 || highBit >= bitsAllocated) throw new ViewerError("incomplete");
  const image: Image = {
    rows,
    columns,
    pixels: readPixels(data, bytes, rows * columns, bitsAllocated),
    bitsStored,
    highBit,
    isSigned: data.uint16("x00280103") === 1,
    slope: number(data, "x00281053", 1) || 1,
    intercept: number(data, "x00281052", 0),
    isNegative: kind === "MONOCHROME1",
    window: readWindow(data),
    aspect: readAspect(data),
  };
  return { image, place: placeOf(data) };
}
