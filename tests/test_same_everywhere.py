"""A room sounds the same on every machine, to the last bit of the samples before they are rounded.

What the libraries do otherwise on another machine is brought about here: NumPy without AVX-512, the
image sources shared among another number of cores, BLAS for an old processor.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
# Of an equaliser's gains and of the samples at the end, from machines with and without AVX-512.
GAINS = "fc0769afa79a69aec59958f59f9a9ed4f37e508ef650805c8464b6c54459f43a"
SAMPLES = "9335501713684217b1e901b485a27d9172221ee8da817b2b27ff5d706a186bbf"
IN_A_ROOM = """
import hashlib
import numpy as np
from pianoalign_lib.corpora import rooms
rng = np.random.default_rng(12)
dry = (rng.integers(-9000, 9000, 20 * 16_000) / 32_768).astype(np.float32)
response, _ = rooms.draw_room(rng)
wet = rooms.apply_room(rooms.equalise(dry, rng), response)
audio = rooms.normalise(rooms.add_noise(wet, 30.0, rng))
gains = rooms.equaliser_gain(100_000, np.random.default_rng(12), 6.0)
for array in (gains, audio):
    print(hashlib.sha256(array.tobytes()).hexdigest())
"""
AVX512 = {"X86_V4", "AVX512_ICL", "AVX512_SPR", "AVX512_SKX", "AVX512F", "AVX512CD"}
NONE_OF_IT = " ".join(sorted(AVX512 & set(np._core._multiarray_umath.__cpu_dispatch__)))
MACHINES = {
    "this one": {},
    "one core": {"PRA_NUM_THREADS": "1"},
    "seven cores, no AVX-512, old BLAS": {
        "PRA_NUM_THREADS": "7",
        "NPY_DISABLE_CPU_FEATURES": NONE_OF_IT,
        "OPENBLAS_CORETYPE": "Nehalem",
    },
}


@pytest.mark.parametrize("machine", MACHINES)
def test_a_room_has_the_same_samples_on(machine):
    environment = os.environ | MACHINES[machine] | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "ignore", "-c", IN_A_ROOM]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [GAINS, SAMPLES]
