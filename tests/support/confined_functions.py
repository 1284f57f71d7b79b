"""What `run_confined` is tried out with: functions that behave and that do not."""

import os
import signal
from pathlib import Path


def reverse(data: bytes) -> bytes:
    return data[::-1]


def loop(data: bytes) -> bytes:
    while True:
        data = data[::-1]


def sleep(data: bytes) -> bytes:
    signal.pause()
    return data


def hoard(data: bytes) -> bytes:
    return bytes(2**34)


def talk(data: bytes) -> bytes:
    return data * 1000


def crash(data: bytes) -> bytes:
    os.kill(os.getpid(), signal.SIGSEGV)
    return data


def fail(data: bytes) -> bytes:
    raise ValueError(data)


def write(data: bytes) -> bytes:
    Path(data.decode()).write_text("spilt")
    return data
