"""Damaged bytes and odd MIDI files, from seeded generators."""

from __future__ import annotations

import struct

import numpy as np


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """Return damaged bytes: flips, cuts, garbage, repetitions, extreme numbers in the header."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 3))):
        size = len(changed)
        if size < 4:
            break
        where, kind = int(rng.integers(size)), int(rng.integers(7))
        span = int(rng.integers(1, 20))
        if kind == 0:  # a bit
            changed[where] ^= 1 << int(rng.integers(8))
        elif kind == 1:  # a byte that means something
            changed[where] = int(rng.choice([0, 1, 0x7F, 0x80, 0x90, 0xC0, 0xF0, 0xF7, 0xFF]))
        elif kind == 2:
            del changed[where:]
        elif kind == 3:
            changed[where:where] = rng.bytes(span)
        elif kind == 4:
            del changed[where : where + span]
        elif kind == 5:
            changed[where:where] = changed[where : where + span]
        else:  # a 16 or 32-bit number among the first 64 bytes
            place = int(rng.integers(4, max(min(size, 64), 5)))
            number = int(rng.choice([0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF]))
            form = rng.choice([">H", "<H"] if number < 65536 else [">I", "<I"])
            changed[place : place + struct.calcsize(form)] = struct.pack(form, number)
    return bytes(changed)


def odd_midi(rng: np.random.Generator) -> bytes:
    """Return a valid file that few programs would write."""
    kind, n_tracks = int(rng.integers(3)), int(rng.integers(1, 5))
    n_tracks = 1 if kind == 0 else n_tracks
    division = int(rng.choice([1, 24, 480, 32767, (256 - 30) << 8 | 80, (256 - 24) << 8 | 4]))
    tracks = []
    for _ in range(n_tracks):
        track = b""
        for _ in range(int(rng.integers(0, 60))):
            wait = bytes((int(rng.choice([0, 0, 1, 30, 120, 127])),))
            if rng.random() < 0.03:
                wait = b"\xff\x7f"  # 16,383 ticks
            channel, pitch = int(rng.integers(16)), int(rng.choice([0, 20, 21, 60, 61, 108, 127]))
            status = int(rng.choice([0x80, 0x90, 0x90, 0x90, 0xB0, 0xE0])) | channel
            event = bytes((status, pitch, int(rng.integers(128))))
            if rng.random() < 0.15:
                tempo = int(rng.choice([0, 1, 1000, 500_000, 0xFFFFFF])).to_bytes(3, "big")
                others = [
                    b"\xff\x51\x03" + tempo,
                    b"\xff\x58\x04" + rng.bytes(4),
                    b"\xff\x59\x02" + rng.bytes(2),
                    b"\xff\x54\x05" + rng.bytes(5),
                    bytes((0xFF, int(rng.integers(0x2F)), 3)) + rng.bytes(3),
                    b"\xf0\x03\x01" + rng.bytes(1) + b"\xf7",
                    b"\xf7\x02" + rng.bytes(2),
                    bytes((0xC0 | channel, pitch)),
                    bytes((0xFE,)),
                ]
                event = others[int(rng.integers(len(others)))]
            track += wait + event
        tracks.append(track + b"\x00\xff\x2f\x00")
    chunks = b"".join(b"MTrk" + struct.pack(">I", len(track)) + track for track in tracks)
    return struct.pack(">4sIHHH", b"MThd", 6, kind, n_tracks, division) + chunks
