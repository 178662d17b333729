#!/bin/sh
# Makes the records and pages of this folder from nothing, in results/runs/reproduced/news_text; two hours of one core, and a corpus to download.
# Interrupted, it goes on where it stopped. At the end it prints what differs from this folder.
set -eu
cd "$(dirname "$0")/../../.."
make .venv/.installed
out=results/runs/reproduced/news_text
.venv/bin/bench suite news_text --lang en,zh --out "$out"
.venv/bin/bench compare results/reference/news_text "$out"
