"""A decoder in a process of its own: whatever becomes of it, the worker lives."""

from __future__ import annotations

from pathlib import Path

import pytest

from processing import decode
from processing.messages import Rejected


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "the decoder ends with -11"),
        ("raise SystemExit('video_url: frames of 9x9')", "video_url: frames of 9x9"),
        ("raise MemoryError", "the decoder ends with 1"),
        ("import signal; signal.pause()", "not decoded within"),
    ],
)
def test_what_brings_a_decoder_down_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, reason: str
) -> None:
    (tmp_path / "processing").mkdir()
    (tmp_path / "processing" / "__init__.py").touch()
    (tmp_path / "processing" / "decode.py").write_text(program)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(decode, "DECODE_SECONDS", 1.0)
    with pytest.raises(Rejected, match=reason):
        decode.decode_apart(b"a clip", 48)
