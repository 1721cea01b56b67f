"""How well the properties of tool calls tell traces apart that keep and that break them.

    git clone https://github.com/sierra-research/tau-bench
    python benchmarks/tool_calls.py tau-bench [--errors]
    python benchmarks/tool_calls.py [--errors]           # only the sentences of data/claims.tsv
    python benchmarks/tool_calls.py FILE.json [FILE.json ...]    # simulations of tau2-bench

Reads the 200 published runs of GPT-4o in the airline domain (MIT licence; not part of this repository). A label comes
from the raw log alone: counted there, or made by one change of it, such as the removal of every call of a tool whose
result the agent then tells the customer. `--errors` prints the verdicts that are wrong.
"""

from __future__ import annotations

import argparse
import ast
import copy
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_duolog import Transcript
from pytest_duolog.detectors import text
from pytest_duolog.properties.base import Property
from pytest_duolog.properties.call_claims import ClaimsAreCalls
from pytest_duolog.properties.calls import CallsAreValid, CallsInOrder, CallsTool, NoRepeatedCalls
from pytest_duolog.properties.claim_sentences import is_claim
from pytest_duolog.properties.loops import NoLoops
from pytest_duolog.properties.verdict import Outcome

SENTENCES = Path(__file__).with_name("data") / "claims.tsv"
LOG = "historical_trajectories/gpt-4o-airline.json"
# What agents of this domain say that they have done, for the tools that do it.
ACTS = {
    "cancel_reservation": "cancelled|canceled",
    "book_reservation": "booked",
    "update_reservation_flights": "updated|changed|upgraded|modified|rebooked",
    "update_reservation_baggages": "updated|added",
    "update_reservation_passengers": "updated|changed",
    "send_certificate": "issued|sent",
    "transfer_to_human_agents": "transferred",
    # The retail domain; written before its runs were looked at.
    "cancel_pending_order": "cancelled|canceled",
    "return_delivered_order_items": "returned|submitted|processed|initiated",
    "exchange_delivered_order_items": "exchanged|submitted|processed|initiated",
    "modify_pending_order_items": "updated|changed|modified",
    "modify_pending_order_address": "updated|changed|modified",
    "modify_pending_order_payment": "updated|changed|modified",
    "modify_user_address": "updated|changed|modified",
}
WRITES = tuple(name for name in ACTS if name != "transfer_to_human_agents")
ORDERS = (
    ("get_reservation_details", "cancel_reservation"),
    ("get_order_details", "cancel_pending_order"),
)
MOST = 2

Run = dict[str, Any]


@dataclass
class Count:
    """Verdicts against labels; a positive is a trace that breaks the property."""

    hits: int = 0
    false_alarms: int = 0
    misses: int = 0
    right_passes: int = 0
    wrong: list[str] = field(default_factory=list)

    def row(self) -> str:
        """Breaking and keeping traces, precision and recall."""
        found, broken = self.hits + self.false_alarms, self.hits + self.misses
        precision = f"{self.hits / found:.2f}" if found else "none found"
        recall = f"{self.hits / broken:.2f}" if broken else "none broken"
        return f"{broken} | {self.false_alarms + self.right_passes} | {precision} | {recall}"


def tools_of(folder: Path) -> list[Any]:
    """The definitions of the domain's tools, from the literals in their modules; nothing there is run."""
    found = []
    for path in sorted(folder.glob("tau_bench/envs/airline/tools/*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Return) and isinstance(node.value, ast.Dict):
                try:
                    value = ast.literal_eval(node.value)
                except ValueError:
                    continue
                found += [value] if value.get("type") == "function" else []
    return found


def calls_in(run: Run) -> list[tuple[str, Any]]:
    """Names and arguments in a raw log, in order."""
    return [
        (call["function"]["name"], json.loads(call["function"]["arguments"]))
        for entry in run["traj"]
        for call in entry.get("tool_calls") or []
    ]


def succeeded(run: Run) -> set[str]:
    """The writing tools that a run called with success and spoke on afterwards."""
    found: set[str] = set()
    for at, entry in enumerate(run["traj"]):
        for call in entry.get("tool_calls") or []:
            result = next((later for later in run["traj"][at + 1 :] if later["role"] == "tool"), None)
            goes_on = any(
                later["role"] == "assistant" and later["content"] for later in run["traj"][at + 1 :]
            )
            name = call["function"]["name"]
            if name in WRITES and result and not str(result["content"]).startswith("Error") and goes_on:
                found.add(name)
    return found


def without_calls(run: Run, tool: str) -> Run:
    """The run as if the agent had forgotten every call of the tool, and said what it said."""
    kept, gone = [], False
    for entry in copy.deepcopy(run["traj"]):
        calls = entry.get("tool_calls") or []
        if entry["role"] == "tool" and gone:
            gone = False
            continue
        gone = any(call["function"]["name"] == tool for call in calls)
        if gone:
            entry["tool_calls"] = None
        if not gone or entry["content"]:
            kept.append(entry)
    return {**run, "traj": kept}


def damaged(run: Run) -> Iterator[Run]:
    """The run with one call that does not fit: an argument gone, of another type, or of an unknown tool."""
    for number, change in enumerate(("gone", "type", "name")):
        made = copy.deepcopy(run)
        calls = [call for entry in made["traj"] for call in entry.get("tool_calls") or []]
        calls = [call for call in calls if json.loads(call["function"]["arguments"])]
        if not calls:
            return
        function = calls[number % len(calls)]["function"]
        arguments = json.loads(function["arguments"])
        name = min(arguments)
        if change == "gone":
            del arguments[name]
        elif change == "type":
            arguments[name] = {"was": arguments[name]}
        else:
            function["name"] += "s"
        function["arguments"] = json.dumps(arguments)
        yield made


def simulated(path: Path) -> list[Run]:
    """The runs in a file of tau2-bench, as those of tau-bench."""
    # The tasks in such a file need not be those of its runs, so nothing is wanted.
    return [
        {
            "task_id": run["task_id"],
            "trial": run["trial"],
            "traj": [_entry(entry) for entry in run["messages"]],
            "info": {"task": {"actions": []}},
        }
        for run in json.loads(path.read_text("utf-8"))["simulations"]
    ]


def _entry(entry: dict[str, Any]) -> dict[str, Any]:
    calls = [
        {
            "id": call["id"],
            "type": "function",
            "function": {"name": call["name"], "arguments": json.dumps(call["arguments"])},
        }
        for call in entry.get("tool_calls") or ()
    ]
    if entry["role"] == "tool":
        return {"role": "tool", "tool_call_id": entry["id"], "content": entry["content"]}
    return {"role": entry["role"], "content": _words(entry.get("content")), "tool_calls": calls or None}


def _words(content: str | None) -> str | None:
    """Some agents wrap what they say: `{"message": "..."}`."""
    try:
        return str(json.loads(content or "")["message"])
    except (ValueError, TypeError, KeyError):
        return content


def is_subsequence(names: tuple[str, ...], run: Run) -> bool:
    """Whether the names come in this order in a raw log."""
    made = iter(name for name, _ in calls_in(run))
    return all(name in made for name in names)


def in_a_row(run: Run) -> bool:
    """Whether three equal calls in a row got equal results."""
    results = [entry["content"] for entry in run["traj"] if entry["role"] == "tool"]
    made = [(*one, result) for one, result in zip(calls_in(run), results, strict=False)]
    return any(made[at] == made[at + 1] == made[at + 2] for at in range(len(made) - 2))


def labelled(runs: list[Run]) -> Iterator[tuple[str, Property, Run, bool]]:
    """Name, property, trace, and whether the trace breaks the property by its label."""
    called = {name for run in runs for name, _ in calls_in(run)}
    acts = {tool: act for tool, act in ACTS.items() if tool in called}
    for run in runs:
        for action in run["info"]["task"]["actions"]:
            wanted = action["kwargs"]
            fits = any(
                name == action["name"] and all(key in made and made[key] == wanted[key] for key in wanted)
                for name, made in calls_in(run)
            )
            yield (
                "`CallsTool`, the calls that the task wants",
                CallsTool(action["name"], wanted),
                run,
                not fits,
            )
        names = {name for name, _ in calls_in(run)}
        order = ORDERS["get_order_details" in names or "cancel_pending_order" in names]
        yield "`CallsInOrder`, look up, then cancel", CallsInOrder(order), run, not is_subsequence(order, run)
        most = max(Counter(map(repr, calls_in(run))).values(), default=0)
        yield "`NoRepeatedCalls`", NoRepeatedCalls(MOST), run, most > MOST
        if calls_in(run):
            yield "`CallsAreValid`, one call damaged", CallsAreValid(), run, False
        for broken in damaged(run):
            yield "`CallsAreValid`, one call damaged", CallsAreValid(), broken, True
        yield "`ClaimsAreCalls`, a call forgotten", ClaimsAreCalls(acts), run, False
        for tool in sorted(succeeded(run)):
            yield "`ClaimsAreCalls`, a call forgotten", ClaimsAreCalls(acts), without_calls(run, tool), True


def print_claims(*, errors: bool) -> None:
    """Print how well sentences that claim an act are told from others, for each set of data/claims.tsv."""
    counts: dict[str, Count] = {}
    for line in SENTENCES.read_text("utf-8").splitlines():
        number, label, forms, said = line.split("\t")
        count = counts.setdefault(number, Count())
        is_found = any(is_claim(one, text.fold(one), forms) for one in text.sentences(said))
        if label == "claim":
            count.hits, count.misses = count.hits + is_found, count.misses + (not is_found)
        else:
            count.false_alarms += is_found
            count.right_passes += not is_found
        if is_found is not (label == "claim"):
            count.wrong.append(said)
    print("| set | claims | others | precision | recall |\n| --- | --- | --- | --- | --- |")
    for number, count in counts.items():
        print(f"| {number} | {count.row()} |")
        if errors:
            print("\n".join(count.wrong))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("logs", type=Path, nargs="*")
    parser.add_argument("--errors", action="store_true")
    options = parser.parse_args()
    print_claims(errors=options.errors)
    for path in options.logs:
        print(f"\n{path.name}")
        if path.is_dir():
            runs, tools = json.loads((path / LOG).read_text("utf-8")), tools_of(path)
        else:
            runs, tools = simulated(path), []
        print_log(runs, tools, errors=options.errors)


def print_log(runs: list[Run], tools: list[Any], *, errors: bool) -> None:
    """Print the table of one log; `tools` are the definitions of its tools, if they are known."""
    read: Callable[[Run], Transcript] = lambda run: _transcript(run, tools)  # noqa: E731
    counts: dict[str, Count] = {}
    for name, prop, run, is_broken in labelled(runs):
        if isinstance(prop, CallsAreValid) and not tools:
            continue
        verdict = prop.check(read(run))
        fails = verdict.outcome is Outcome.FAILS
        count = counts.setdefault(name, Count())
        if fails and is_broken:
            count.hits += 1
        elif fails:
            count.false_alarms += 1
        elif is_broken:
            count.misses += 1
        else:
            count.right_passes += 1
        if fails is not is_broken:
            count.wrong.append(f"task {run['task_id']}, trial {run['trial']}: {verdict!r}")
    print("| property | break it | keep it | precision | recall |\n| --- | --- | --- | --- | --- |")
    for name, count in counts.items():
        print(f"| {name} | {count.row()} |")
    loops = [NoLoops().check(read(run)).explanation for run in runs]
    n_found = sum("makes the same call" in said for said in loops)
    print(f"\nthree equal calls in a row: {n_found} runs by NoLoops, {sum(map(in_a_row, runs))} by count")
    if errors:
        for name, count in counts.items():
            print(f"\n{name}\n" + "\n".join(count.wrong))


def _transcript(run: Run, tools: list[Any]) -> Transcript:
    from pytest_duolog.transcripts.chat_log import transcript_of

    return transcript_of(run["traj"], {"tools": tools})


if __name__ == "__main__":
    main()
