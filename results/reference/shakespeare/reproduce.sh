#!/bin/sh
# Makes the records and pages of this folder from nothing, in results/runs/reproduced/shakespeare; an hour on two cores, and a text to download.
# Interrupted, it goes on where it stopped. At the end it prints what differs from this folder.
set -eu
cd "$(dirname "$0")/../../.."
make .venv/.installed
out=results/runs/reproduced/shakespeare
.venv/bin/bench suite shakespeare --no-report --out "$out"
.venv/bin/bench suite shakespeare_256 --no-report --out "$out"
.venv/bin/bench report "$out" --lang en,zh
.venv/bin/bench compare results/reference/shakespeare "$out"
