#!/bin/sh
# Makes the example's dialogues anew with the real model, in a copy, and replays them. `make example` calls it.
set -eu
copy=$(mktemp -d)/example_project
cp -R "$(dirname "$0")" "$copy"
cd "$copy"

echo
echo "1. Two copies of a small model talk to each other; every dialogue is recorded. This takes a minute or two."
pytest -v -p no:asyncio --record-mode=rewrite --snapshot-update

echo
echo "2. The same tests again, from the recordings: no model, no network."
pytest -p no:asyncio
duolog report tests/cassettes -o report.html

echo
echo "Look at:"
echo "  all dialogues on one page:     $copy/report.html"
echo "  a dialogue as people read it:  $copy/tests/__snapshots__/test_counter/"
echo "  the recordings:                $copy/tests/cassettes/test_counter/"
echo "  the tests:                     $copy/tests/test_counter.py"
echo "Then change a prompt in bakery/prompts.py there and run pytest again; README.md tells what happens."
