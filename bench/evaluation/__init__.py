"""Evaluation of any trained model: decoding, scores, degenerate outputs, attention maps, architecture."""
