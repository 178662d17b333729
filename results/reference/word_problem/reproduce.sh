#!/bin/sh
# Makes the records and pages of this folder from nothing, in results/runs/reproduced/word_problem; an hour on two cores.
# Interrupted, it goes on where it stopped. At the end it prints what differs from this folder.
set -eu
cd "$(dirname "$0")/../../.."
make .venv/.installed
out=results/runs/reproduced/word_problem
.venv/bin/bench suite word_problem --lang en,zh --out "$out"
.venv/bin/bench compare results/reference/word_problem "$out"
