"""`bench profile`: speed, memory and machine utilisation of the arms, by sequence length.

defaults.py   default arms, lengths, batch size and time limits, for the help text
plan.py       checks a profile's arguments and hashes what identifies a point
session.py    measures all points, keeps finished ones, skips those that would take too long
process.py    runs each measurement in a process of its own
measure.py    the measurement
memory.py     what it needs at least

`bench.records.profile_rows` defines the columns and the files.
"""
