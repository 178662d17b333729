"""From records to verdicts: statistics, evidence, sanity gates, comparisons and the rules of each claim."""
