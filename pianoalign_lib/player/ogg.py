"""The same sound gives the same Ogg file: libsndfile numbers each stream at random.

Pages as in RFC 3533: a header of 27 bytes with the stream's number at 14 and a checksum at 22, both
little-endian, then the lengths of the segments and these. The checksum is zlib's CRC-32 with the
bits of each byte turned round, and neither inverted at the beginning nor at the end.
"""

from __future__ import annotations

import zlib

HEADER, NUMBER, CHECKSUM = 27, slice(14, 18), slice(22, 26)
TURNED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def numbered(ogg: bytes, number: int = 1) -> bytes:
    """Return an Ogg file whose one stream has this number."""
    data, start = bytearray(ogg), 0
    while start < len(data):
        n_segments = data[start + HEADER - 1]
        segments = data[start + HEADER : start + HEADER + n_segments]
        end = start + HEADER + n_segments + sum(segments)
        page = data[start:end]
        page[NUMBER] = number.to_bytes(4, "little")
        page[CHECKSUM] = bytes(4)
        page[CHECKSUM] = checksum(page)
        data[start:end] = page
        start = end
    return bytes(data)


def checksum(page: bytes | bytearray) -> bytes:
    """Return the four bytes that belong to a page in which they are zero."""
    turned = ~zlib.crc32(page.translate(TURNED), 0xFFFFFFFF) & 0xFFFFFFFF
    return turned.to_bytes(4, "big").translate(TURNED)
