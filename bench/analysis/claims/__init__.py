"""The article's claims: `primary.yaml` names the comparisons that decide each, and `judge` gives the verdicts."""
