/** DICOM files for tests, in explicit VR little endian. */
const LONG = ["OB", "OW", "SQ", "UN"];
export const EXPLICIT = "1.2.840.10008.1.2.1";

type Value = string | number | Uint8Array;
type Element = [vr: string, value: Value];

export interface Made {
  syntax?: string;
  /** By group and element; null leaves one out. */
  changes?: Record<string, Element | null>;
  pixels?: Uint8Array;
}

function encode(tag: string, vr: string, value: Value, length?: number): Uint8Array {
  const body = typeof value === "string" ? new TextEncoder().encode(value.length % 2 ? `${value} ` : value) : typeof value === "number" ? Uint8Array.of(value & 255, value >> 8) : value;
  const isLong = LONG.includes(vr);
  const bytes = new Uint8Array((isLong ? 12 : 8) + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, parseInt(tag.slice(0, 4), 16), true);
  view.setUint16(2, parseInt(tag.slice(4), 16), true);
  bytes.set(new TextEncoder().encode(vr), 4);
  if (isLong) view.setUint32(8, length ?? body.length, true);
  else view.setUint16(6, length ?? body.length, true);
  bytes.set(body, isLong ? 12 : 8);
  return bytes;
}

export function join(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

const IMAGE: Record<string, Element> = {
  "00100010": ["PN", "NAME^OF A PATIENT"],
  "0020000e": ["UI", "1.2.3"],
  "00200013": ["IS", "7"],
  "00200032": ["DS", "-10\\20\\30.5"],
  "00200037": ["DS", "1\\0\\0\\0\\1\\0"],
  "00280002": ["US", 1],
  "00280004": ["CS", "MONOCHROME2"],
  "00280010": ["US", 2],
  "00280011": ["US", 3],
  "00280030": ["DS", "2\\1"],
  "00280100": ["US", 16],
  "00280101": ["US", 16],
  "00280102": ["US", 15],
  "00280103": ["US", 0],
  "00281050": ["DS", "100"],
  "00281051": ["DS", "200"],
  "00281052": ["DS", "-5"],
  "00281053": ["DS", "0.5"],
};

/** An image of 2 × 3 pixels, with what a test changes. */
export function makeFile({ syntax = EXPLICIT, changes = {}, pixels = Uint8Array.from({ length: 12 }, (_, index) => index) }: Made = {}): Uint8Array {
  const all: Record<string, Element | null> = { ...IMAGE, ...changes };
  const elements = Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1));
  const body = elements.flatMap(([tag, element]) => (element ? [encode(tag, ...element)] : []));
  const uid = encode("00020010", "UI", syntax);
  const head = [new Uint8Array(128), new TextEncoder().encode("DICM"), encode("00020000", "UL", Uint8Array.of(uid.length, 0, 0, 0)), uid];
  return join([...head, ...body, encode("7fe00010", "OW", pixels)]);
}

export const undefinedLength = (tag: string, vr: string): Uint8Array => encode(tag, vr, new Uint8Array(0), 0xffffffff);
