import { describe, expect, test } from "vitest";
import { findWindow, paint, toGrey } from "./grey";
import { readImage, readPlace, type Trouble, ViewerError } from "./image";
import { join, type Made, makeFile, undefinedLength } from "./made";

const withoutPixels = (): Uint8Array => makeFile().subarray(0, -24);

function findTrouble(bytes: Uint8Array): Trouble | null {
  try {
    readImage(bytes);
    return null;
  } catch (error) {
    // Nothing else may come of a file, however it is.
    if (error instanceof ViewerError) return error.trouble;
    throw error;
  }
}

const greys = (made: Made): number[] => {
  const { image } = readImage(makeFile(made));
  const painted = paint(image, findWindow(image), false);
  return [...painted].filter((_, index) => index % 4 === 0);
};

test("an image is read with its place, and without its patient", () => {
  const read = readImage(makeFile());
  expect(read.image).toMatchObject({ rows: 2, columns: 3, slope: 0.5, intercept: -5, aspect: 2, window: { center: 100, width: 200 } });
  expect([...read.image.pixels]).toEqual([256, 770, 1284, 1798, 2312, 2826]);
  expect(read.place).toEqual({ series: "1.2.3", number: 7, position_mm: [-10, 20, 30.5], directions: [[1, 0, 0], [0, 1, 0]] });
  expect(JSON.stringify(read)).not.toContain("PATIENT");
  expect(read.image.pixels.buffer.byteLength).toBe(12);
});

test.each<[string, Made, Trouble]>([
  ["no DICOM", { syntax: "" }, "notDicom"],
  ["implicit VR", { syntax: "1.2.840.10008.1.2" }, "encoding"],
  ["deflated", { syntax: "1.2.840.10008.1.2.1.99" }, "encoding"],
  ["big endian", { syntax: "1.2.840.10008.1.2.2" }, "encoding"],
  ["JPEG 2000", { syntax: "1.2.840.10008.1.2.4.90" }, "encoding"],
  ["colours", { changes: { "00280002": ["US", 3], "00280004": ["CS", "RGB"] } }, "notGrey"],
  ["a palette", { changes: { "00280004": ["CS", "PALETTE COLOR"] } }, "notGrey"],
  ["no rows", { changes: { "00280010": null } }, "notGrey"],
  ["several frames", { changes: { "00280008": ["IS", "2"] } }, "frames"],
  ["giant", { changes: { "00280010": ["US", 65535], "00280011": ["US", 65535] } }, "tooLarge"],
  ["more pixels told than there are", { changes: { "00280010": ["US", 4000], "00280011": ["US", 4000] } }, "incomplete"],
  ["32 bit", { changes: { "00280100": ["US", 32] } }, "encoding"],
  ["more bits stored than there are", { changes: { "00280101": ["US", 17] } }, "incomplete"],
  ["a high bit below the bits", { changes: { "00280101": ["US", 12], "00280102": ["US", 3] } }, "incomplete"],
  ["no bits", { changes: { "00280101": ["US", 0] } }, "incomplete"],
])("%s is refused", (_, made, trouble) => {
  expect(findTrouble(makeFile(made))).toBe(trouble);
});

describe("hostile files end, with a sentence", () => {
  test("broken off anywhere", () => {
    const file = makeFile();
    for (let size = 0; size < file.length; size += 1) expect(findTrouble(file.subarray(0, size)), `${size}`).toMatch(/notDicom|incomplete/);
  });

  test("any byte turned", () => {
    const file = makeFile();
    for (let index = 128; index < file.length; index += 1) {
      const turned = file.slice();
      turned[index] = (turned[index] ?? 0) ^ 0xff;
      findTrouble(turned);
    }
  });

  test("sequences in sequences, without an end", () => {
    const opening = join([undefinedLength("00291140", "SQ"), Uint8Array.of(0xfe, 0xff, 0x00, 0xe0, 0xff, 0xff, 0xff, 0xff)]);
    const head = withoutPixels();
    const body = new Uint8Array(opening.length * 50_000);
    for (let at = 0; at < body.length; at += opening.length) body.set(opening, at);
    const file = new Uint8Array(head.length + body.length);
    file.set(head);
    file.set(body, head.length);
    expect(findTrouble(file)).toBe("incomplete");
  });

  test("pixels of undefined length", () => {
    expect(findTrouble(join([withoutPixels(), undefinedLength("7fe00010", "OW")]))).toBe("encoding");
  });

  test("a header without an end", () => {
    const file = new Uint8Array(5 * 2 ** 20);
    file.set(withoutPixels());
    expect(findTrouble(file)).toBe("tooLarge");
  });

  test.each(["nan", "1e999", "", "\\\\\\\\\\", "0\\0\\0\\0\\0\\0"])("directions %j are none", (value) => {
    expect(readImage(makeFile({ changes: { "00200037": ["DS", value] } })).place.directions).toBeNull();
  });
});

test("the place is read of the beginning of a file", () => {
  const file = makeFile();
  expect(readPlace(file.subarray(0, file.length - 20)).position_mm).toEqual([-10, 20, 30.5]);
});

const stored = (...values: number[]): Uint8Array => new Uint8Array(Int16Array.from(values).buffer);
const PLAIN: Made["changes"] = { "00281052": null, "00281053": null, "00281050": ["DS", "128"], "00281051": ["DS", "256"] };

test.each<[string, Made, number[]]>([
  ["as they are", { changes: PLAIN, pixels: stored(0, 1, 127, 128, 255, 300) }, [0, 1, 127, 128, 255, 255]],
  ["inverted by the file", { changes: { ...PLAIN, "00280004": ["CS", "MONOCHROME1"] }, pixels: stored(0, 1, 127, 128, 255, 300) }, [255, 254, 128, 127, 0, 0]],
  ["signed", { changes: { ...PLAIN, "00280103": ["US", 1], "00281050": ["DS", "0"] }, pixels: stored(-128, -1, 0, 127, -999, 999) }, [0, 127, 128, 255, 0, 255]],
  ["rescaled", { changes: { ...PLAIN, "00281052": ["DS", "-10"], "00281053": ["DS", "2"] }, pixels: stored(5, 10, 15, 69, 0, 999) }, [0, 10, 20, 128, 0, 255]],
  [
    "12 of 16 bits, with others above them",
    { changes: { ...PLAIN, "00280101": ["US", 12], "00280102": ["US", 11] }, pixels: stored(0, 0x7001, 0x7fff, 128, 255, 16) },
    [0, 1, 255, 128, 255, 16],
  ],
  [
    "8 bit",
    { changes: { ...PLAIN, "00280100": ["US", 8], "00280101": ["US", 8], "00280102": ["US", 7] }, pixels: Uint8Array.of(0, 1, 127, 128, 254, 255) },
    [0, 1, 127, 128, 254, 255],
  ],
  ["without a window", { changes: { "00281050": null, "00281052": null, "00281053": null }, pixels: stored(1000, 1255, 1000, 1255, 1000, 1255) }, [0, 255, 0, 255, 0, 255]],
])("greys: %s", (_, made, expected) => {
  greys(made).forEach((grey, index) => expect(Math.abs(grey - (expected[index] ?? 0))).toBeLessThanOrEqual(1));
});

test("the narrowest window has two greys", () => {
  expect([0, 1, 2].map((value) => toGrey(value, { center: 1, width: 1 }))).toEqual([0, 255, 255]);
});
