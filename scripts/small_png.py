"""Make a screenshot small enough for Git: at most 256 colours, the most frequent ones. A browser reads the pixels."""

from __future__ import annotations

import base64
import struct
import zlib

from playwright.sync_api import Browser

# -> [width, height, palette as bytes of red green blue, one index a pixel], the last two as base64
_READ = """async (png) => {
  const picture = new Image();
  picture.src = "data:image/png;base64," + png;
  await picture.decode();
  const {width, height} = picture;
  const drawn = new OffscreenCanvas(width, height).getContext("2d");
  drawn.drawImage(picture, 0, 0);
  const pixels = new Uint32Array(drawn.getImageData(0, 0, width, height).data.buffer);
  const counts = new Map();
  for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
  const colours = [...counts.keys()].sort((one, other) => counts.get(other) - counts.get(one));
  const parts = (colour) => [colour & 255, colour >> 8 & 255, colour >> 16 & 255];
  const palette = colours.slice(0, 256).map(parts);
  const place = new Map();
  for (const colour of colours) {
    const wanted = parts(colour);
    const far = palette.map((one) => one.reduce((sum, part, i) => sum + (part - wanted[i]) ** 2, 0));
    place.set(colour, far.indexOf(Math.min(...far)));
  }
  const base64 = async (bytes) => {
    const reader = new FileReader();
    reader.readAsDataURL(new Blob([bytes]));
    await new Promise((done) => { reader.onload = done; });
    return reader.result.split(",")[1];
  };
  const indexes = Uint8Array.from(pixels, (pixel) => place.get(pixel));
  return [width, height, await base64(Uint8Array.from(palette.flat())), await base64(indexes)];
}"""


def small_png(browser: Browser, png: bytes) -> bytes:
    """The same picture with a palette."""
    page = browser.new_page()
    width, height, palette, indexes = page.evaluate(_READ, base64.b64encode(png).decode())
    page.close()
    pixels = base64.b64decode(indexes)
    rows = b"".join(b"\0" + pixels[start : start + width] for start in range(0, len(pixels), width))
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)  # 8 bits a pixel, which are an index
    parts = ((b"IHDR", head), (b"PLTE", base64.b64decode(palette)), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
