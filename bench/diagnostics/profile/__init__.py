"""`bench profile`: how fast an arm is, how much memory it takes and how much of the machine it uses, by length.

defaults.py says what is measured if nothing else is asked for, rows.py has the words of a profile and its files,
plan.py checks what is asked for, session.py goes through it point by point, process.py gives each measurement a
process of its own, and measure.py, the only one that needs torch, measures.
"""
