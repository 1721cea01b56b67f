"""YAML from strangers: what a small file unfolds to is bounded, at import and at replay."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pytest_duolog.cli import main
from pytest_duolog.errors import UnreadableCassette
from pytest_duolog.recording.bounded_yaml import BoundedYaml
from pytest_duolog.recording.redaction import Redactor
from pytest_duolog.recording.vcr_yaml import read_yaml
from pytest_duolog.scenarios.written import yaml_file
from pytest_duolog.scenarios.written.places import Misread
from pytest_duolog.storage.yaml_bounds import MOST_REFERENCES, UnfoldsTooFar, has_too_many_references


def bomb(place: str, levels: int = 9) -> str:
    """Nine aliases of nine aliases of nine ... in one place of an otherwise ordinary cassette."""
    lines = ["version: 1", f"x0: &x0 [{', '.join(['lol'] * 9)}]"]
    lines += [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]" for n in range(1, levels)]
    values = {"uri": "https://h/", "body": "hello", "header": "a", "string": "hello", "message": "OK"}
    values[place] = f"*x{levels - 1}"
    return "\n".join(
        [
            *lines,
            "interactions:",
            f"- request: {{method: POST, uri: {values['uri']!s}, body: {values['body']}, headers: {{}}}}",
            "  response:",
            f"    status: {{code: 200, message: {values['message']}}}",
            f"    headers: {{a: [{values['header']}]}}",
            f"    body: {{string: {values['string']}}}",
            "",
        ]
    )


HOSTILE = {
    **{f"aliases as {place}": bomb(place) for place in ("uri", "body", "header", "string", "message")},
    "a list that holds itself": "interactions: &a [*a]\n",
    "merged mappings": "a: &a {k: v}\n"
    + "".join(f"b{n}: &b{n} {{<<: [{', '.join([f'*b{n - 1}' if n else '*a'] * 3)}]}}\n" for n in range(18))
    + "interactions: []\n",
    "many anchors": "interactions: []\nx:\n" + "".join(f"- &a{at} v\n" for at in range(MOST_REFERENCES + 1)),
    "many aliases": f"interactions: []\nx: &a v\ny: [{'*a, ' * MOST_REFERENCES}]\n",
    "a number in base 60": f"interactions: {'1' + ':1' * 100_000}\n",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_small_file_that_unfolds_far_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(UnreadableCassette, match="not a vcrpy cassette: it") as raised:
        read_yaml(path, base_urls=(), redactor=Redactor({}))
    assert "restore it from version control" in str(raised.value)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_what_is_nested_deep_is_refused(tmp_path: Path, opening: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(f"interactions: {opening * 50_000}")
    with pytest.raises(UnreadableCassette, match="not a vcrpy cassette"):
        read_yaml(path, base_urls=(), redactor=Redactor({}))


def test_import_refuses_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(bomb("message"))
    assert main(["cassettes", "import", "c.yaml"]) == 2
    assert "its aliases expand to more than" in capsys.readouterr().err
    assert not Path("c.jsonl").exists()


def test_replay_refuses_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_it="""
        import pytest

        @pytest.mark.dialogue(model="openai:m", turns=1)
        def test_it(dialogue):
            assert dialogue.messages
        """
    )
    folder = pytester.path / "cassettes" / "test_it"
    folder.mkdir(parents=True)
    (folder / "test_it.yaml").write_text(bomb("string"))
    result = pytester.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *UnreadableCassette: not a vcrpy cassette: its aliases expand to more*"])


@pytest.mark.parametrize(
    "value",
    [
        {"a": "AT &T *and* more, &x *x", "n": [1, 1.5, -3, 1e3, 0x10], "t": True},
        [{"shared": ["x" * 1000]}] * 500,
        {"text": "&a\n*a\n- *b\n"},
    ],
)
def test_what_vcrpy_writes_is_read(value: object) -> None:
    shared = ["a", "b"]
    for given in (value, [shared, shared, {"again": shared}]):
        assert BoundedYaml.deserialize(BoundedYaml.serialize(given)) == given
        assert BoundedYaml.deserialize(yaml.safe_dump(given)) == given


def test_aliases_may_unfold_to_a_multiple_of_the_file() -> None:
    text = f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 100)}]\n"
    assert len(BoundedYaml.deserialize(text)["b"]) == 100
    with pytest.raises(UnfoldsTooFar):
        BoundedYaml.deserialize(f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 1000)}]\n")


def test_text_that_looks_like_anchors_is_none():
    said = "".join(f"- 'R &D *a {at}'\n" for at in range(MOST_REFERENCES + 1))
    assert not has_too_many_references(f"interactions: []\nx:\n{said}")


def test_a_file_of_scenarios_with_many_anchors_is_refused():
    with pytest.raises(Misread, match="more than 10,000 anchors and aliases"):
        yaml_file.read("".join(f"- &a{at} v\n" for at in range(MOST_REFERENCES + 1)))
