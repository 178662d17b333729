"""The article's claims: one module `claim_LETTER_SUBJECT.py` with the rule of each, and `judge`, which gives the
verdicts."""
