"""A file system that never answers, as a network mount does whose server is gone: a FUSE mount
whose program takes every request and keeps it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

DEVICE = "/dev/fuse"
INIT = 26
LAZILY = 2  # MNT_DETACH

can_be_made = pytest.mark.skipif(
    os.geteuid() != 0 or not os.access(DEVICE, os.R_OK | os.W_OK),
    reason="only root, where there is FUSE, can mount a file system that hangs",
)


@contextlib.contextmanager
def hung(place: Path) -> Iterator[None]:
    """For the block, whatever looks at ``place``, or at what is below it, waits. Afterwards all
    that waited has its answer: the connection is gone."""
    place.mkdir(parents=True, exist_ok=True)
    program = [sys.executable, __file__, str(place)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            assert server.stdout.readline() == "mounted\n"
            yield
        finally:
            server.kill()
            server.wait()
            ctypes.CDLL(None).umount2(os.fsencode(place), LAZILY)


def serve(place: str) -> None:
    """Mount, shake hands (https://docs.kernel.org/filesystems/fuse.html), and say nothing more."""
    libc = ctypes.CDLL(None, use_errno=True)
    device = os.open(DEVICE, os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
    if libc.mount(b"hung", os.fsencode(place), b"fuse.hung", 0, options) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    os.write(1, b"mounted\n")
    while True:
        request = os.read(device, 1 << 17)
        _, operation, unique, _ = struct.unpack_from("<IIQQ", request)
        if operation == INIT:
            _, _, read_ahead, _ = struct.unpack_from("<IIII", request, 40)
            answer = struct.pack("<IIIIHHIIHHI", 7, 31, read_ahead, 0, 0, 0, 4096, 0, 0, 0, 0)
            answer += bytes(28)
            header = struct.pack("<IiQ", 16 + len(answer), 0, unique)
            os.write(device, header + answer)


if __name__ == "__main__":
    serve(sys.argv[1])
