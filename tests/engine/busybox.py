"""A tiny image for tests of the engine, made from the distribution's static busybox.

Interface::

    image() -> str       the id ("sha256:...") of ct-test/busybox:latest, made if it is missing
    TAG                  "ct-test/busybox:latest": for ``image:`` and ``FROM``
    BusyboxMissing       raised where no static busybox can be had; its text says what to do

The image has every applet as a link in /bin, /tmp (1777), /etc/passwd, /etc/group, PATH=/bin, and
``sh`` as its command; about 2 MB. It stays on the engine between runs: an existing one is taken
if it was made from the same content. Nothing is pulled, and no root is needed where apt is.

The program is found in this order: the file ``CT_TEST_BUSYBOX`` names, a statically linked
``busybox`` in PATH, the one kept in the cache folder, the package busybox-static, downloaded by
apt-get and unpacked there.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import shutil
import struct
import subprocess
import tarfile
import tempfile
from pathlib import Path

TAG = "ct-test/busybox:latest"
_DIGEST_LABEL = "composetasks.test.content"


class BusyboxMissing(Exception):
    """No static busybox can be had on this machine."""


def image() -> str:
    """The id of the image, made if the engine doesn't have it with this content.

    Raises :class:`BusyboxMissing`, and :class:`subprocess.CalledProcessError` when the engine
    doesn't answer.
    """
    cache = cache_folder()
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        content = _root_archive(_program(cache))
        digest = hashlib.sha256(content).hexdigest()
        return _existing(digest) or _imported(content, digest)


def _existing(digest: str) -> str | None:
    template = f'{{{{.Id}}}} {{{{index .Config.Labels "{_DIGEST_LABEL}"}}}}'
    result = subprocess.run(
        ["docker", "image", "inspect", "--format", template, TAG],
        capture_output=True,
        text=True,
        check=False,
    )
    image_id, _, label = result.stdout.strip().partition(" ")
    return image_id if result.returncode == 0 and label == digest else None


def _imported(content: bytes, digest: str) -> str:
    changes = ('CMD ["sh"]', "ENV PATH=/bin", f"LABEL {_DIGEST_LABEL}={digest}")
    argv = ["docker", "import"]
    for change in changes:
        argv += ["--change", change]
    done = subprocess.run([*argv, "-", TAG], input=content, capture_output=True, check=True)
    return done.stdout.decode().strip()


def _root_archive(program: Path) -> bytes:
    """The image's file system as a tar archive; the same program gives the same bytes."""
    applets = subprocess.run(
        [str(program), "--list"], capture_output=True, text=True, check=True
    ).stdout.split()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for folder, mode in (("bin", 0o755), ("etc", 0o755), ("root", 0o700), ("tmp", 0o1777)):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            tar.addfile(entry)
        _add_file(tar, "bin/busybox", program.read_bytes(), 0o755)
        _add_file(tar, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n", 0o644)
        _add_file(tar, "etc/group", b"root:x:0:\n", 0o644)
        for applet in sorted(set(applets) - {"busybox"}):
            entry = tarfile.TarInfo(f"bin/{applet}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(entry)
    return buffer.getvalue()


def _add_file(tar: tarfile.TarFile, name: str, data: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), mode
    tar.addfile(entry, io.BytesIO(data))


def cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(base) / "composetasks-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _program(cache: Path) -> Path:
    named = os.environ.get("CT_TEST_BUSYBOX")
    if named:
        return Path(named)
    installed = shutil.which("busybox")
    if installed and _is_static(Path(installed)):
        return Path(installed)
    kept = cache / "busybox"
    if not kept.exists():
        _download(kept)
    return kept


def _is_static(program: Path) -> bool:
    """Whether an ELF program names no interpreter (PT_INTERP, elf(5)), and so runs alone."""
    data = program.read_bytes()
    if data[:4] != b"\x7fELF":
        return False
    order, wide = "<" if data[5] == 1 else ">", data[4] == 2
    start = struct.unpack_from(order + ("Q" if wide else "I"), data, 32 if wide else 28)[0]
    size, count = struct.unpack_from(order + "HH", data, 54 if wide else 42)
    pt_interp = 3
    return all(
        struct.unpack_from(order + "I", data, start + i * size)[0] != pt_interp
        for i in range(count)
    )


def _download(target: Path) -> None:
    """Unpack busybox-static of the machine's own apt sources, and put its program at ``target``."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise BusyboxMissing("install a statically linked busybox, or name one in CT_TEST_BUSYBOX")
    with tempfile.TemporaryDirectory(dir=target.parent) as work:
        # Lists of our own where the machine's are empty: updating those would take root.
        lists = Path(work, "lists")
        (lists / "partial").mkdir(parents=True)
        own = ["-o", f"Dir::State::lists={lists}", "-o", f"Dir::Cache={work}"]
        unsandboxed = ["-o", "APT::Sandbox::User=root"]
        get = ["apt-get", "-q", *unsandboxed]
        try:
            _apt([*get, "download", "busybox-static"], work)
        except subprocess.CalledProcessError:
            try:
                _apt([*get, *own, "update"], work)
                _apt([*get, *own, "download", "busybox-static"], work)
            except subprocess.CalledProcessError as error:
                last = (error.stderr or error.stdout).strip().splitlines()[-1:]
                raise BusyboxMissing(
                    f"apt-get could not download busybox-static ({' '.join(last)}): "
                    "install that package, or name a static busybox in CT_TEST_BUSYBOX"
                ) from error
        package = next(Path(work).glob("busybox-static_*.deb"))
        subprocess.run(["dpkg-deb", "-x", str(package), f"{work}/unpacked"], check=True)
        # /bin in Debian 12, /usr/bin since.
        program = next(Path(work, "unpacked").glob("**/bin/busybox"))
        program.rename(target)


def _apt(argv: list[str], cwd: str) -> None:
    subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=True)
