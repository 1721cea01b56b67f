"""Word vectors: read from the extra's files, or absent."""

from __future__ import annotations

import importlib.util

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_duolog.topics import vectors
from pytest_duolog.topics.terms import terms_of
from pytest_duolog.topics.vectors import cosine, folder_of_vectors, load_vectors


@pytest.fixture(scope="module")
def words():
    return pytest.importorskip("wordllama", reason="needs the extra topic") and load_vectors()


@pytest.fixture
def fresh(monkeypatch):
    """Loads anew, and forgets it afterwards."""
    for found in (folder_of_vectors, load_vectors):
        found.cache_clear()
    yield monkeypatch
    for found in (folder_of_vectors, load_vectors):
        found.cache_clear()


def likeness(words, one: str, other: str) -> float:
    return cosine(words.sum_of(terms_of(one)), words.sum_of(terms_of(other)))


@pytest.mark.parametrize(
    ("text", "near", "far"),
    [
        ("lighthouse", "harbour", "sourdough"),
        ("a film in the cinema", "movie theater", "bank transfer"),
        ("doctor", "hospital", "guitar"),
    ],
)
def test_words_of_one_field_are_nearer_than_others(words, text, near, far):
    assert likeness(words, text, near) > likeness(words, text, far) + 0.1


def test_text_without_content_is_like_nothing(words):
    assert likeness(words, "", "lighthouse") == 0.0
    assert likeness(words, "", "") == 0.0


def test_unknown_scripts_and_signs_have_a_vector(words):
    assert likeness(words, "ꦧꦱꦗꦮ", "ꦧꦱꦗꦮ") == pytest.approx(1.0)


@given(
    st.text(
        st.one_of(st.sampled_from(" \n\tab's<>/▁.é\u0301字🙏"), st.characters(codec="utf-8")), max_size=60
    )
)
@example("").via("no words")
@example("a <s> b</s>c <unk>").via("special tokens")
@example("1  2 ▁3▁ 4 <0x0A>").via("what looks like pieces")
def test_the_pieces_of_a_text_are_those_of_the_tokenizer(words, text):
    whole = words._tokenizer.encode(text, add_special_tokens=False).ids
    assert list(words.pieces_of(text)) == whole
    assert list(words.pieces_of(text)) == whole


def test_package_itself_is_not_imported(pytester):
    pytester.makepyfile(
        probe="""
        import sys
        from pytest_duolog.topics.vectors import load_vectors
        load_vectors()
        print(sorted({"wordllama", "requests"} & set(sys.modules)))
        """
    )
    assert pytester.runpython("probe.py").stdout.lines == ["[]"]


def test_without_the_extra_there_are_none(fresh):
    fresh.setattr(vectors, "find_spec", lambda name: None)
    assert load_vectors() is None


def test_another_version_with_other_files_gives_none(fresh, tmp_path):
    (tmp_path / "wordllama").mkdir()
    (tmp_path / "wordllama" / "__init__.py").write_text("")
    spec = importlib.util.spec_from_file_location(
        "wordllama",
        tmp_path / "wordllama" / "__init__.py",
        submodule_search_locations=[str(tmp_path / "wordllama")],
    )
    fresh.setattr(vectors, "find_spec", lambda name: spec)
    assert load_vectors() is None
