"""Where dialogues run besides this process: the value of `--duolog-executor`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.util import find_spec

from pytest_duolog.errors import ConfigurationError

LOCAL = "local"
# The module that each engine needs, and the extra that installs it.
ENGINES = {"ray": "ray", "dask": "distributed"}
# Places that only the other engine has.
OTHERS_PLACES = {"ray": re.compile("tls://.*"), "dask": re.compile("auto")}
FORM = re.compile(
    r"(?P<engine>[a-z]+)://(?P<place>local|auto|[^?/\s]+:\d+|tls://[^?/\s]+:\d+)(\?workers=(?P<workers>\d+))?"
)
ACCEPTED = (
    "ray://local, ray://auto or ray://HOST:PORT, dask://local, dask://HOST:PORT or dask://tls://HOST:PORT; "
    "?workers=N may follow"
)


@dataclass(frozen=True)
class ExecutorAddress:
    """The workers of an engine, `ray` or `dask`.

    `place` is `local` for workers that this run starts and ends itself, or the address of a running cluster. At most
    `workers` of them are used; None is as many as the engine has.
    """

    engine: str
    place: str
    workers: int | None = None

    @classmethod
    def parse(cls, text: str, *, option: str) -> ExecutorAddress:
        """The address in `ray://local?workers=4`.

        Raises ConfigurationError if it is none, or the engine is not installed.
        """
        found = FORM.fullmatch(text)
        is_known = found is not None and found["engine"] in ENGINES and found["workers"] != "0"
        if found is None or not is_known or OTHERS_PLACES[found["engine"]].fullmatch(found["place"]):
            raise ConfigurationError(
                f"{option}: {text!r} is not the address of an executor (accepted: {ACCEPTED})"
            )
        engine = found["engine"]
        if find_spec(ENGINES[engine]) is None:
            raise ConfigurationError(
                f"{option}: {text} needs {engine.capitalize()}: pip install 'pytest-duolog[{engine}]'"
            )
        return cls(engine, found["place"], int(found["workers"]) if found["workers"] else None)

    @property
    def is_local(self) -> bool:
        """Whether this run starts the workers itself."""
        return self.place == LOCAL

    def __str__(self) -> str:
        return f"{self.engine}://{self.place}"
