"""Evaluation of any trained model: decoding, scores, signs of degenerate outputs, attention maps, architecture."""
