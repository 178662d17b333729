"""`bench reach`: how far back a trained cell reaches in its source.

probe.py      the two probes of a model: input gradients by distance, and accuracy with the distant source replaced
prefixes.py   sequences of one stack, each up to one of its answers
measure.py    one cell: from its folder to the rows of its `reach.csv`
session.py    several cells, one after another; finished ones are kept

`bench.records.reach_rows` defines distances, rows and the file.
"""
